package recording

// Scenario names a course of events that is recorded: "formation", "recovery". Package scenario has the list of
// those that a run knows; who may not import it knows them by this type.
type Scenario string

// Formation is the first scenario of every run: it brings the workload up. What the manifests alone decide is judged on it.
const Formation Scenario = "formation"
