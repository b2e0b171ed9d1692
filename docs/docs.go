// Package docs holds the documents that the program prints.
//
// In: the files beside it, when it is built. Out: their text.
package docs

import _ "embed"

//go:embed profile.schema.json
var profileSchema string

// ProfileSchema is the JSON schema of the profile format. It is generated from the types of package profile, by a test of
// that package.
func ProfileSchema() string { return profileSchema }
