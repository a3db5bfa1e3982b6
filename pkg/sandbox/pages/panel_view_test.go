package pages_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// TestPanel proves the parts of a page of the panel: rows with their buttons, a mark on the current place, and the
// result of the last action.
func TestPanel(t *testing.T) {
	t.Parallel()
	html := drawn(t, pages.Panel, pages.PanelView{
		Title: "Payments",
		Nav: []pages.NavItem{
			{Text: "Overview", URL: "/"}, {Text: "Payments", URL: "/panel/payments", Count: 2, Here: true},
		},
		Clock: pages.Clock{
			Date:     "Mon 15 Jan 2024",
			Time:     "12:00:00",
			Millis:   1705320000000,
			Distance: "31 days ahead of real time",
			First:    "1 Feb",
		},
		Flash: pages.Flash{
			Text: "The payment is refunded:", Link: &pages.Link{Text: "re_1", URL: "/panel/object/re_1"},
		},
		Tables: []pages.Table{
			{ID: "payments", Title: "Payments", Columns: []string{"Payment", "Amount"}, Older: "/panel/payments?after=pi_1", Rows: []pages.Row{{
				ID: "pi_1", Title: "Visa •••• 4242", URL: "/panel/object/pi_1", Cells: []pages.Cell{
					{Text: "$19.00", Figures: true},
				},
				Badge: pages.Badge{Text: "succeeded", Tone: "good"},
				Acts: []pages.Act{{
					Action: "refund", ID: "ch_1", Text: "Refund", Input: &pages.Input{Name: "amount", Label: "Amount"},
				},
					{
						Action: "dispute", ID: "ch_1", Text: "Dispute", Danger: true,
					}, {ID: "pi_1", Text: "Payment page", URL: "/c/pay/cs_1"}},
			}}},
			{ID: "refunds", Title: "Refunds", Empty: "No refund.", Command: "curl -u sk_test_x:"},
		},
	})
	wants(t, html, `<a href="/panel/payments" aria-current="page">`, `data-now="1705320000000"`, "To 1 Feb", `role="status"`, `<a href="/panel/object/re_1">re_1</a>`,
		`data-row="pi_1"`, `<td class="figures">$19.00`, `class="badge good">succeeded`, `action="/panel/refund"`,
		`name="amount"`, `class="mini danger">Dispute`,
		`href="/c/pay/cs_1"`, `href="/panel/payments?after=pi_1" rel="next"`, "No refund.", "curl -u sk_test_x:")
	lacks(
		t, html, "Nothing has happened here yet", `role="alert"`, "Set a fault", "Add an endpoint",
		"As the API answers it",
	)
}

// TestPanelPolicy proves that the panel's own style and script run, and that nothing a stranger wrote does.
func TestPanelPolicy(t *testing.T) {
	t.Parallel()
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>`
	html := drawn(t, pages.Panel, pages.PanelView{Title: evil, Kind: evil, Query: evil, Badge: pages.Badge{Text: evil, Tone: evil}, Flash: pages.Flash{Text: evil, Secret: evil},
		Facts: []pages.Fact{
			{Name: evil, Text: evil, URL: "javascript:alert(1)"},
		}, JSON: []pages.Span{{Text: evil, URL: "javascript:alert(1)"}},
		Tables: []pages.Table{
			{
				ID:    evil,
				Title: evil,
				Rows: []pages.Row{
					{
						ID:     evil,
						Title:  evil,
						URL:    "javascript:alert(1)",
						Detail: evil,
						Cells:  []pages.Cell{{Text: evil, Detail: evil}},
					},
				},
			},
		}})
	lacks(t, html, "<script>alert", "<img", "javascript:alert")
	for _, name := range []string{"style", "script"} {
		_, rest, _ := strings.Cut(html, "<"+name+">")
		text, _, _ := strings.Cut(rest, "</"+name+">")
		sum := sha256.Sum256([]byte(text))
		wants(t, pages.PanelPolicy(), name+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	wants(t, pages.PanelPolicy(), "default-src 'none'", "connect-src 'self'", "form-action 'self'")
}
