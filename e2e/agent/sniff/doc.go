// Package sniff captures the DNS questions of a pod passively, on the pod's own interfaces: when the discovery of a node
// has died, the only sign is that its questions stop.
//
// In: a network namespace. Out: counts of the questions that left it, and of their answers. Nothing is sent or delayed.
// Packets are not trusted.
package sniff
