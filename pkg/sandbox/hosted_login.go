package sandbox

import (
	"io"
	"net/http"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// showLogin shows the page where customers ask for their portal. Stripe mails a link to the address. The sandbox sends
// no mail: it lets in everyone who knows the address. So put no real customers into it.
func (s *Sandbox) showLogin(out http.ResponseWriter, r *http.Request) { s.loginPage(out, r, "") }

func (s *Sandbox) postLogin(out http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(out, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.message(
			out, http.StatusBadRequest,
			pages.MessageView{Title: "That did not work", Text: "The form could not be read."},
		)
		return
	}
	s.loginPage(out, r, strings.TrimSpace(r.PostForm.Get("email")))
}

// loginPage draws the form. If an address was posted, it redirects that customer to their portal.
func (s *Sandbox) loginPage(out http.ResponseWriter, r *http.Request, email string) {
	view := pages.LoginView{Merchant: accountName, Email: email, Action: r.URL.Path}
	status, target := http.StatusOK, ""
	err := s.inWorld(cause{}, func(w *world) error {
		configuration := w.PortalConfigs.get(r.PathValue("configuration"))
		if configuration == nil || !configuration.Active || !configuration.LoginPage.Enabled {
			return noSuch("billing_portal.configuration", r.PathValue("configuration"), "id")
		}
		if r.Method != http.MethodPost {
			return nil
		}
		known := w.Customers.where(func(c *customer) bool {
			return !c.Hidden.Deleted && c.Email != "" && strings.EqualFold(string(c.Email), email)
		})
		if len(known) == 0 {
			status, view.Error = http.StatusBadRequest, "No customer has this email address."
			return nil
		}
		holder := known[len(known)-1] // the newest, as Stripe chooses
		w.on(holder)
		made := w.openPortal(holder, configuration, origin(r))
		w.emit("billing_portal.session.created", made)
		target = made.URL
		return nil
	})
	switch {
	case err != nil:
		s.message(
			out, http.StatusNotFound,
			pages.MessageView{Title: "No such page", Text: "There is no login page at this address."},
		)
	case target != "":
		http.Redirect(out, r, target, http.StatusSeeOther)
	default:
		s.draw(out, status, func(to io.Writer) error { return pages.Login(to, view) })
	}
}
