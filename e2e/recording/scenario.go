package recording

// Scenario is the name of a scenario: "formation", "recovery". Package scenario has the list of all; packages that may not
// import it use this type.
type Scenario string

// Formation is the first scenario of every run: it deploys the workload. Checks of manifests alone are judged on it.
const Formation Scenario = "formation"
