// Package view collects the events of a recording and answers questions about any time t.
// Scenarios ask the predicates of a growing view whether they may continue; checks ask the same view, complete, for verdicts.
//
// In: a recording's header and events, in any order. Out: answers. It reads no clock and touches no cluster: the same
// events give the same answers.
package view
