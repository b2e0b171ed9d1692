// Package rules holds the requirements, one file each, named as the id is: dns/a-records-match-pods is in
// dns_a_records_match_pods.go, and the recordings on which it is tried in dns_a_records_match_pods_test.go. To add one is these
// two files, and one line in All.
package rules
