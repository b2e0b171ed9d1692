// Package evidence is what several checks read out of a view: the names in an epmd, the challenge of a node, the links that
// last, the deletion of a pod, what a pod asks DNS for.
//
// In: a view. Out: what was seen, or the findings that several checks have alike. It decides no check's diagnosis.
package evidence
