package reports

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/reports/page"
)

// browser is a Chromium of this machine. CI has one; elsewhere the test is left out and says so.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const why = "there is no chromium here (Debian: apt-get install chromium), so no browser has seen the page"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.DisableGPU}
	if os.Geteuid() == 0 {
		// Chromium's sandbox refuses to work for root, which CI's container is. The page is ours, and so is the machine.
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	return ctx
}

// tab is a page in the browser, with what went wrong in it and what it asked the network for.
type tab struct {
	*testing.T
	ctx      context.Context
	name     string
	mu       sync.Mutex
	errors   []string
	requests []string
}

// visit opens a page as a file, as a reader does.
func visit(browser context.Context, t *testing.T, name, page string) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx, name: name}
	err := chromedp.Listen(ctx, func(e any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			b.errors = append(b.errors, e.ExceptionDetails.Text+e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			b.errors = append(b.errors, "console."+string(e.Type))
		case *log.EventEntryAdded:
			b.errors = append(b.errors, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if url := e.Request.URL; url != "file://"+path && !strings.HasPrefix(url, "data:") {
				b.requests = append(b.requests, url)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate("file://"+path))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](b *tab, expression string) T {
	b.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return got
}

func (b *tab) media(media, scheme string) {
	b.Helper()
	with := emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, with); err != nil {
		b.Fatal(err)
	}
}

// inFull are the pages of which every picture is kept; of the others it is the one on a desktop.
var inFull = []string{"green", "cookie", "thirty", "matrix", "several"}

// picture keeps a screenshot of the page for people, in out/browser, which is not in the tree.
func (b *tab) picture(what string, width int64) {
	b.Helper()
	if what != "desktop-light" && !slices.Contains(inFull, b.name) {
		return
	}
	b.do(chromedp.EmulateViewport(width, 900))
	high := ask[int64](b, `document.documentElement.scrollHeight`)
	b.do(chromedp.EmulateViewport(width, min(high, 6000)))
	ask[bool](b, `(scrollTo({top: 0, behavior: "instant"}), document.activeElement.blur(), true)`)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join("out", "browser")
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = os.WriteFile(filepath.Join(dir, b.name+"-"+what+".png"), png, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

//go:embed testdata/look.js
var look string

// TestInABrowser reads reports in a real browser, as people will.
func TestInABrowser(t *testing.T) {
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Run{
		"green":     judged(t, recorded(t, "dns-a")...),
		"cookie":    judged(t, recorded(t, "cookie-differs")...),
		"stalled":   judged(t, recorded(t, "link-dropped")...),
		"selector":  judged(t, recorded(t, "selector-typo")...),
		"virtual":   judged(t, recorded(t, "virtual-ip")...),
		"no-agents": judged(t, recorded(t, "no-agents")...),
		"thirty":    judged(t, made(t, recordingtest.Formation(30)), made(t, recordingtest.Recovery(30))),
		"hundred":   judged(t, sparse(t, 100)),
	} {
		t.Run(name, func(t *testing.T) {
			b := visit(ctx, t, name, html(t, r))
			b.paints()
			b.saysTheSame(r)
			b.scrubs(r)
			b.clicks()
			for _, scheme := range []string{"light", "dark"} {
				b.media("screen", scheme)
				b.fits("desktop", 1280)
				b.readable(scheme)
				b.picture("desktop-"+scheme, 1280)
			}
			b.media("screen", "light")
			b.fits("phone", 360)
			b.picture("phone", 390)
			b.media("print", "light")
			b.fits("paper", 718) // A4 within its margins
			b.readable("print")
			b.picture("print", 718)
			if len(b.errors)+len(b.requests) > 0 {
				t.Errorf("errors: %q; requests: %q", b.errors, b.requests)
			}
		})
	}
}

// paints: a reader sees something within a second.
func (b *tab) paints() {
	b.Helper()
	const painted = `(async () => { for (;;) { const p = performance.getEntriesByName("first-contentful-paint")[0]; if (p) return p.startTime; await new Promise(r => setTimeout(r, 20)); } })()`
	at := ask[float64](b, painted)
	for range 4 {
		if at <= 1000 {
			break
		}
		b.do(chromedp.Reload()) // a busy machine is slower, never faster
		at = min(at, ask[float64](b, painted))
	}
	b.Logf("first paint after %.0f ms", at)
	if at > 1000 {
		b.Errorf("the first paint came after %.0f ms", at)
	}
}

// saysTheSame holds the page against the JSON report.
func (b *tab) saysTheSame(r *Run) {
	b.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	var report struct {
		Profiles []struct {
			Results  []struct{ ID, Verdict string }
			Recorded []struct{ Believes, Links []string }
		}
	}
	if err = json.Unmarshal(text, &report); err != nil {
		b.Fatal(err)
	}
	want := map[string]string{}
	for _, res := range report.Profiles[0].Results {
		want[res.ID] = res.Verdict
	}
	got := ask[map[string]string](b, `Object.fromEntries([...document.querySelectorAll("[data-check]")].map(r => [r.dataset.check, r.querySelector(".mark").lastChild.textContent.trim()]))`)
	if len(want) != len(got) {
		b.Errorf("the page has %d checks, and the JSON report %d", len(got), len(want))
	}
	for id, v := range want {
		if got[id] != v {
			b.Errorf("%s is %q on the page, and %q in the JSON report", id, got[id], v)
		}
	}
	cells := b.cells()
	for i, s := range report.Profiles[0].Recorded {
		for row := range s.Believes {
			for col := range s.Believes[row] {
				if have, want := cells[i][row][col], s.Believes[row][col:col+1]+s.Links[row][col:col+1]; have != want {
					b.Fatalf("scenario %d, row %d, column %d is %q on the page, and %q in the JSON report", i, row, col, have, want)
				}
			}
		}
	}
}

// cells are the texts of all matrices.
func (b *tab) cells() [][][]string {
	b.Helper()
	return ask[[][][]string](b, `[...document.querySelectorAll(".scenario")].map(s => [...s.querySelectorAll(".matrix tbody tr")].map(r => [...r.querySelectorAll("td")].map(c => c.textContent)))`)
}

// scrubs moves the time by keyboard, and holds the matrix against the recording.
func (b *tab) scrubs(r *Run) {
	b.Helper()
	for i, p := range r.Profiles[0].Pictures {
		if len(p.Pods) == 0 {
			continue
		}
		ask[bool](b, fmt.Sprintf(`(() => { document.querySelectorAll(".scenario")[%d].querySelector("input").focus(); return true; })()`, i))
		before := -1.0
		for _, keys := range []string{kb.Home, kb.PageUp, kb.ArrowRight + kb.ArrowRight + kb.ArrowRight, kb.PageUp + kb.PageUp + kb.PageUp} {
			b.do(chromedp.KeyEvent(keys))
			at := ask[float64](b, `+document.activeElement.value`)
			if at == before {
				b.Errorf("%s: %q does not move the time", p.Scenario, keys)
			}
			before = at
			t := min(time.Duration(at)*time.Millisecond, p.End)
			believes, links := p.At(t)
			got := b.cells()[i]
			for row := range believes {
				for col := range believes {
					if want := believes[row][col:col+1] + links[row][col:col+1]; got[row][col] != want {
						b.Fatalf("%s at %s: row %d, column %d is %q, want %q", p.Scenario, t, row, col, got[row][col], want)
					}
				}
			}
		}
		b.do(chromedp.KeyEvent(kb.End))
	}
}

// clicks: a click into the lanes goes to that time, and the buttons to the next moment at which something was done or decided.
func (b *tab) clicks() {
	b.Helper()
	at := ask[[]float64](b, `(() => { const l = document.querySelector(".lanes"); l.scrollIntoView({behavior: "instant", block: "center"}); const r = l.getBoundingClientRect(), w = l.viewBox.baseVal.width;
		return [r.left + r.width * (+l.dataset.left + +l.dataset.right) / 2 / w, r.top + r.height / 2]; })()`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
	const value = `(i => (+i.value - i.min) / (i.max - i.min))(document.querySelector(".time input"))`
	half := ask[float64](b, value)
	if half < 0.45 || half > 0.55 {
		b.Errorf("a click into the middle of the lanes goes to %.2f of the time", half)
	}
	ask[bool](b, `(document.querySelector(".time button").click(), true)`)
	if before := ask[float64](b, value); before >= half {
		b.Errorf("the button for the moment before stays at %.2f of the time", before)
	}
	ask[bool](b, `(document.querySelector(".time input").focus(), true)`)
	b.do(chromedp.KeyEvent(kb.End))
}

// readable looks for text without contrast, headings out of order, and pictures, tables and controls without a name.
func (b *tab) readable(how string) {
	b.Helper()
	for _, wrong := range ask[[]string](b, look) {
		b.Errorf("%s: %s", how, wrong)
	}
}

// fits: what is wide scrolls in its own box, and the page itself does not.
func (b *tab) fits(where string, width int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, 800))
	if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
		who := ask[string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > %d && !e.closest(".scroll") && !e.closest(".vh")).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" | ")`, width))
		b.Errorf("on %s the page is %d wide, and there is room for %d: %s", where, wide, width, who)
	}
}

// Without a script the report is whole: it is printed, or opened where scripts are forbidden.
func TestWithoutScript(t *testing.T) {
	ctx := browser(t)
	b := visit(ctx, t, "no-script", "<p>empty</p>")
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(html(t, judged(t, recorded(t, "cookie-differs")...))), 0o644); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate("file://" + path))
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"First broken rung: handshake", "two cookies are in use", "does not see it, not connected"} {
		if !strings.Contains(text, want) {
			t.Errorf("without a script the page does not say %q", want)
		}
	}
	if strings.Contains(text, "◀") {
		t.Error("without a script there is a control that does nothing")
	}
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
	if err != nil || len(pdf) < 20_000 {
		t.Errorf("printed: %d bytes, %v", len(pdf), err)
	}
	if err = os.WriteFile(filepath.Join("out", "browser", "cookie.pdf"), pdf, 0o644); err != nil {
		t.Log(err)
	}
}

// A run of several workloads is one page, a kill matrix links one for each.
func TestSeveralWorkloadsInABrowser(t *testing.T) {
	ctx := browser(t)
	r := judged(t, recorded(t, "dns-a")...)
	r.Profiles = append(r.Profiles, judged(t, recorded(t, "cookie-differs")...).Profiles[0], judged(t, recorded(t, "no-agents")...).Profiles[0])
	r.Close(nil, began)
	m := realMatrix(t, t.TempDir())
	p, err := m.pages(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var matrix bytes.Buffer
	if err = page.Write(&matrix, p); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"several": html(t, r), "matrix": matrix.String()} {
		b := visit(ctx, t, name, page)
		b.readable("screen")
		b.picture("desktop-light", 1280)
		b.fits("phone", 360)
		b.picture("phone", 390)
		if len(b.errors)+len(b.requests) > 0 {
			t.Errorf("%s: errors: %q; requests: %q", name, b.errors, b.requests)
		}
	}
}

// Hostile words run nothing in a browser either.
func TestHostileWordsInABrowser(t *testing.T) {
	b := visit(browser(t), t, "hostile", html(t, hostile(t)))
	if title := ask[string](b, `document.title`); !strings.Contains(title, "<script>") {
		t.Errorf("the title is %q", title)
	}
	b.fits("phone", 360)
	if len(b.errors)+len(b.requests) > 0 {
		t.Errorf("errors: %q; requests: %q", b.errors, b.requests)
	}
}
