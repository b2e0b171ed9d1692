// Package fault drops packets in the network namespaces of pods while a lease on the fault is renewed.
//
// In: rules with a lease. Out: our own nftables tables in those namespaces, and for each rule the proof that it is
// effective. A table is removed when its rules are withdrawn, when the lease expires and when the agent ends. The lease is
// also in the kernel, as an element of a set with a timeout: if the agent is killed, its rules stop to match when the lease
// expires, and the next agent removes the table. Nothing else in a namespace is changed.
package fault
