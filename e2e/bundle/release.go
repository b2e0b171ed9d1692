//go:build release

package bundle

import "embed"

// The folder is in no checkout: scripts/dist gives it to the compiler with -overlay.
//
//go:embed files
var files embed.FS
