package recording

// Scenario is the name of a scenario: "formation", "recovery". Package scenario has the list of all; packages that may not
// import it use this type.
type Scenario string

// Formation is the first scenario of every run: it deploys the workload. Checks of manifests alone are judged on it.
const Formation Scenario = "formation"

// Inspect is no scenario of a run: a few looks at a cluster that ran before and goes on, without doing anything to it. It has checks of
// its own, and shares others with the runs.
const Inspect Scenario = "inspect"
