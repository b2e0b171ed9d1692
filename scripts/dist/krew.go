package main

import (
	"fmt"
	"strings"
)

// krew is the manifest by which krew installs the program as kubectl-meshproof.
func (d *dist) krew(archives []archive) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: meshproof
spec:
  version: %q
  homepage: %s
  shortDescription: Prove that a BEAM application forms its cluster
  description: |
    Does a BEAM application really form, keep and repair its cluster on
    Kubernetes? meshproof judges its manifests (kubectl meshproof lint), and
    runs it on a cluster of its own or on yours (kubectl meshproof run), with
    evidence for each verdict.
  platforms:
`, d.tag, strings.TrimSuffix(d.url, "/releases/download"))
	for _, a := range archives {
		fmt.Fprintf(&b, `  - selector: {matchLabels: {os: %s, arch: %s}}
    uri: %s/%s/%s
    sha256: %s
    bin: meshproof
`, a.goos, a.goarch, d.url, d.tag, a.name, a.sha256)
	}
	return []byte(b.String())
}
