// Package sniff captures the DNS questions of a pod passively, and whom it dials, on the pod's own interfaces: when the
// discovery of a node has died, the only sign is that its questions stop, and when a mesh does not form, they say why.
//
// In: a network namespace. Out: counts of the questions and dials that left it, and of their answers. Nothing is sent or delayed.
// Packets are not trusted.
package sniff
