// Package evidence is what several checks read from a view: the names registered with an epmd, the challenge of a node, the
// links that stay, the deletion of a pod, the DNS queries of a pod.
//
// In: a view. Out: what was seen, or the findings that several checks share. It decides no check's diagnosis.
package evidence
