// Package view is what a recording amounts to: a pure fold of its events, and questions about it at any time t.
// Scenarios ask the predicates of a growing view when they may go on; checks ask the same view, complete, for verdicts.
//
// In: a recording's header and events, in any order. Out: answers. It reads no clock and touches no cluster: the same
// events give the same answers.
package view
