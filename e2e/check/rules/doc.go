// Package rules holds the checks, one file each, named after the id: dns/a-records-match-pods is in
// dns_a_records_match_pods.go, and its trial recordings are in dns_a_records_match_pods_test.go. To add a check, add these
// two files and one line in All.
package rules
