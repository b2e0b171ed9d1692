// Package objects gives checks the manifests of a workload, before anything is deployed: the workloads, Services and policies,
// the texts that are part of a VM's command line, and the objects from which the subject of a finding was created.
//
// In: the objects of a view. Out: typed objects, and findings if they cannot be judged.
package objects
