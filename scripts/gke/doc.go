// Package gke has no Go code but tests. They hold the Terraform files of this folder to HCL's syntax and format, and to the
// arguments that the provider documents; and gke.sh to what it may call. docs/gke.md says how all of it is used.
package gke
