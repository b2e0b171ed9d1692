package keeper

import (
	"fmt"
	"strings"
	"unicode"

	"sigs.k8s.io/kind/pkg/log"
)

// kindLog turns kind's log into plain progress lines. kind marks a step with " • Writing configuration 📜  ..."
// when it begins, and " ✓ …" or " ✗ …" when it ends; a successful end is not logged.
type kindLog struct{ say func(string) }

func (l kindLog) Warn(message string)                    { l.line("warning: " + message) }
func (l kindLog) Warnf(format string, a ...interface{})  { l.Warn(fmt.Sprintf(format, a...)) }
func (l kindLog) Error(message string)                   { l.line("error: " + message) }
func (l kindLog) Errorf(format string, a ...interface{}) { l.Error(fmt.Sprintf(format, a...)) }

func (l kindLog) V(level log.Level) log.InfoLogger { return kindInfo{l, level} }

type kindInfo struct {
	l     kindLog
	level log.Level
}

func (i kindInfo) Enabled() bool { return i.level == 0 }

func (i kindInfo) Info(message string) {
	if i.Enabled() {
		i.l.line(message)
	}
}

func (i kindInfo) Infof(format string, a ...interface{}) {
	if i.Enabled() {
		i.l.line(fmt.Sprintf(format, a...))
	}
}

func (l kindLog) line(s string) {
	if s = plain(s); s != "" {
		l.say("kind: " + s)
	}
}

// plain is kind's line without its symbols; empty for a line without new information.
func plain(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "✓") || strings.Contains(s, "enabling experimental podman provider") {
		return ""
	}
	if rest, failed := strings.CutPrefix(s, "✗"); failed {
		s = rest + ": failed"
	}
	s = strings.Map(func(r rune) rune {
		if r == '•' || r == '\ufe0f' || r == '\u200d' || (r > unicode.MaxLatin1 && unicode.Is(unicode.So, r)) {
			return -1
		}
		return r
	}, s)
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), " :", ":")
	return strings.TrimSpace(strings.TrimSuffix(s, "..."))
}
