// Package objects is the manifests of a workload as checks read them, before anything is deployed: which workloads, Services and
// policies there are, which texts reach a VM's command line, and from which objects the subject of a finding was made.
//
// In: the objects that a view has. Out: typed objects, and findings where they cannot be judged.
package objects
