package shop_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/api/shop"
)

// TestPolicyHolds proves that the page needs nothing that its policy forbids: no inline script, style or handler, and
// nothing from another origin.
func TestPolicyHolds(t *testing.T) {
	t.Parallel()
	page := string(shop.HTML)
	for _, never := range []string{`<script>`, `<style`, ` style="`, `<script src="http`, `<link rel="stylesheet" href="http`, "@import"} {
		if strings.Contains(page+string(shop.CSS), never) {
			t.Errorf("the page has %q", never)
		}
	}
	if m := regexp.MustCompile(`\son[a-z]+="`).FindString(page); m != "" {
		t.Errorf("the page has an event handler: %q", m)
	}
	for _, never := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style.", "localStorage."} {
		if strings.Contains(string(shop.JS), never) {
			t.Errorf("the script has %q", never)
		}
	}
	if strings.Contains(string(shop.CSS), "url(") {
		t.Error("the style loads something")
	}
}

// TestScriptFindsItsPage proves that every element the script asks for by id stands in the page, and that every label
// names a field.
func TestScriptFindsItsPage(t *testing.T) {
	t.Parallel()
	page := string(shop.HTML)
	for _, m := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(string(shop.JS), -1) {
		if !strings.Contains(page, ` id="`+m[1]+`"`) {
			t.Errorf("the page has no element %q", m[1])
		}
	}
	labels := regexp.MustCompile(`<label for="([^"]+)">`).FindAllStringSubmatch(page, -1)
	if fields := strings.Count(page, "<input"); fields != len(labels) {
		t.Errorf("%d fields and %d labels", fields, len(labels))
	}
	for _, m := range labels {
		if !strings.Contains(page, `<input id="`+m[1]+`"`) {
			t.Errorf("label for %q names no field", m[1])
		}
	}
}

// TestPage proves that the link to the sandbox follows the address it runs at, cannot be broken out of, and is gone
// where there is none.
func TestPage(t *testing.T) {
	t.Parallel()
	if !strings.Contains(string(shop.HTML), `href="`+shop.SandboxURL+`"`) {
		t.Fatal("the page as it stands has no link to the sandbox")
	}
	if got := string(shop.Page("http://127.0.0.1:9/\"><script>")); !strings.Contains(got, `href="http://127.0.0.1:9/&#34;&gt;&lt;script&gt;"`) {
		t.Error("the address is not in the page, or not escaped")
	}
	if got := string(shop.Page("")); strings.Contains(got, "Sandbox") {
		t.Error("a link to no sandbox remains")
	}
}
