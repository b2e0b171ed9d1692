package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// bom is a bill of materials in the form of CycloneDX. The list of modules is what the compiler wrote into the programs, so it is
// exact; which module needs which is not in there.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp time.Time `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// bom lists what is in the programs; the first is the platform's, which brings the others.
func (d *dist) bom(platform string, programs []string) ([]byte, error) {
	parts := map[string]component{}
	add := func(m *debug.Module) {
		c := module(m.Path, m.Version)
		if m.Sum != "" {
			c.Properties = []property{{"go.sum", m.Sum}}
		}
		parts[c.Ref] = c
	}
	main := module("meshproof.dev/meshproof", d.tag)
	main.Type = "application"
	for _, p := range programs {
		info, err := buildinfo.ReadFile(p)
		if err != nil {
			return nil, err
		}
		std := module("std", strings.TrimPrefix(info.GoVersion, "go"))
		parts[std.Ref] = std
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			add(m)
		}
	}
	main.Properties = []property{{"platform", platform}}
	all := slices.SortedFunc(maps.Values(parts), func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	b, err := json.MarshalIndent(bom{"CycloneDX", "1.6", 1, metadata{d.time, main}, all}, "", "  ")
	return append(b, '\n'), err
}

// module is a Go module as a component, with its package URL.
func module(path, version string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
}
