// Package sniff hears what a pod asks the DNS, passively, on the pod's own interfaces: a discovery that has died shows by
// nothing but its silence.
//
// In: a network namespace. Out: the questions that left it, with what came back, counted. Nothing is sent and nothing
// held up. Every packet is hostile until it is parsed.
package sniff
