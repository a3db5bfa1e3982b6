// Package pages draws the sandbox's hosted pages: the payment page, the card holder's confirmation, the billing portal,
// the control panel and plain messages. It owns their markup, their look, and the format of amounts of money.
//
// It refuses to know the sandbox's objects, its URLs and its rules. A view holds texts that are ready to be read, and
// addresses that were decided elsewhere.
//
// Invariants:
//   - Every page says that no real money moves.
//   - No page needs JavaScript, the network or another file. The panel's script only reloads the panel.
//   - A card's number and security code are never written back into a page.
//   - html/template escapes everything that a view holds.
//   - A page is written whole or not at all.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed templates/*.html
var files embed.FS

//go:embed style.css
var style string

// Checkout writes the payment page. Its form posts to v.Action:
//   - card_number, exp (MM / YY), cvc, name and email;
//   - for a bank account, way=debit with iban and holder;
//   - if nothing is to be paid, only name and email.
//
// The form for a promotion code posts code=apply with promotion_code, or code=remove.
func Checkout(w io.Writer, v CheckoutView) error { return draw(w, checkoutPage, v) }

// Challenge writes the step in which the card holder's bank asks for consent (3-D Secure). Its form posts
// challenge=accept or challenge=refuse to v.Action.
func Challenge(w io.Writer, v ChallengeView) error { return draw(w, challengePage, v) }

// Portal writes the billing portal. All its forms post to v.Action. One posts action=cancel, resume, change or confirm
// with subscription; change also has price, and cancel a reason. The other posts action=card with card_number, exp, cvc
// and name.
func Portal(w io.Writer, v PortalView) error { return draw(w, portalPage, v) }

// Login writes the page where customers ask for their portal. Its form posts email to v.Action.
func Login(w io.Writer, v LoginView) error { return draw(w, loginPage, v) }

// Message writes a page that only says something.
func Message(w io.Writer, v MessageView) error { return draw(w, messagePage, v) }

// Policy returns the Content-Security-Policy of these pages. It allows one inline style, known by its hash, and nothing
// else. It names no form-action on purpose. Browsers apply that to redirects too, and a paid form redirects to the
// merchant's success page, which may be anywhere.
func Policy() string {
	return "default-src 'none'; style-src " + hashed(style) +
		"; img-src data:; base-uri 'none'; frame-ancestors 'none'"
}

var (
	checkoutPage  = parse("checkout")
	challengePage = parse("challenge")
	portalPage    = parse("portal")
	loginPage     = parse("login")
	messagePage   = parse("message")
)

// parse joins a page with the layout and the shared parts. A template that does not parse is a bug in the program, so
// the program does not start.
func parse(name string) *template.Template { return parseWith(name, style) }

func parseWith(name, look string) *template.Template {
	return template.Must(template.New("layout.html").
		Funcs(template.FuncMap{
			"style":  func() template.CSS { return template.CSS(look) },
			"script": func() template.JS { return template.JS(panelScript) },
			"pair":   pair,
		}).
		ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
}

// pair passes two values to a part, which a template call alone cannot do.
func pair(action string, row Subscription) any {
	return struct {
		Action string
		Row    Subscription
	}{action, row}
}

// draw renders into memory first. So an error in the middle never leaves half a page behind a 200.
func draw(w io.Writer, page *template.Template, view any) error {
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
