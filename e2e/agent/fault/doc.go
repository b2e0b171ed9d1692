// Package fault loses packets in pods' network namespaces, for as long as somebody wants it.
//
// In: rules with a lease. Out: nftables tables of our own in those namespaces, and for each rule the proof that it bites.
// A table goes when its rules are no longer wanted, when the lease is not renewed, when the agent ends, and, should it
// have been killed, when the next one starts. Nothing else in a namespace is touched.
package fault
