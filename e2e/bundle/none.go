//go:build !release

package bundle

import "embed"

var files embed.FS //nolint:gochecknoglobals // embedding needs a variable; here nothing is embedded
