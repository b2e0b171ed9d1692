package rules

import (
	"fmt"
	"maps"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieStrength() check.Check {
	return check.Check{
		ID: "manifest/cookie-strength", Title: "has a cookie that nobody can guess", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "Everybody who reaches the distribution port and guesses the cookie can run any code on the node. The handshake sends a digest of the cookie, so that words can be tried without asking the node again.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake",
		Causes: map[string][]string{"word": nil, "short": nil},
		Judge: func(v *view.View) []check.Finding {
			if _, blind := objects.Static(v); blind != nil {
				return blind
			}
			var all []check.Finding
			for _, s := range v.Objects("Secret") {
				for _, key := range slices.Sorted(maps.Keys(s.Cookies)) {
					f := check.Finding{Subject: check.OnObject(s.Kind, s.Name), Outcome: check.Pass}
					remedy := fmt.Sprintf("put a random one into key %s of Secret %s, such as what this prints: head -c 24 /dev/urandom | base64 | tr -d '+/='", key, s.Name)
					switch s.Cookies[key] {
					case secrets.Word:
						f.Fail("word", fmt.Sprintf("the cookie in key %s of Secret %s is a common word", key, s.Name), remedy)
					case secrets.Short:
						f.Fail("short", fmt.Sprintf("the cookie in key %s of Secret %s is so short that all texts like it can be tried (fewer than 2^64)", key, s.Name), remedy)
					}
					all = append(all, f)
				}
			}
			if len(all) == 0 {
				f := check.Finding{Subject: check.OnWorkload(v)}
				f.Skip("no Secret in the manifests shows the value of the cookie")
				return []check.Finding{f}
			}
			return all
		},
	}
}
