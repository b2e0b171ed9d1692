package rules_test

import (
	"slices"
	"testing"

	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestCookieFileMode(t *testing.T) {
	try(t, "manifest/cookie-file-mode", slices.Concat([]trial{
		{"as Secrets are mounted", cookieFile(`"secretName":"derl"`, "cookie"), fails("too-open", "/home/derl/.erlang.cookie", "0644")},
		{"mode 0400", cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), nil},
		{"mode 0400 of the one file", cookieFile(`"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":256}]`, ".erlang.cookie"), nil},
		{"a folder with the file", all(podField(`"volumes":[{"name":"cookie","secret":{"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":288}]}}]`),
			field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl"}]`)), fails("too-open", "0440")},
		{"mode 0400 with fsGroup", all(cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), podField(`"securityContext":{"fsGroup":1000}`)), fails("fs-group", "fsGroup 1000", "group-readable")},
		{"beside -setcookie", all(cookieFile(`"secretName":"derl"`, "cookie"), args("-setcookie", "$(COOKIE)")), nil},
		{"another file", all(podField(`"volumes":[{"name":"tls","secret":{"secretName":"tls"}}]`), field(`"volumeMounts":[{"name":"tls","mountPath":"/tls"}]`)), nil},
	}, unreadable()))
}

// cookieFile mounts one file of a Secret as the cookie file.
func cookieFile(secret, file string) func(s *rt.Recording) {
	return all(podField(`"volumes":[{"name":"cookie","secret":{`+secret+`}}]`),
		field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl/.erlang.cookie","subPath":`+quoted(file)+`}]`))
}
