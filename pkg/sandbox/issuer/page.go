package issuer

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// policy lets the page load nothing. Its form is sent here, and the browser then goes on to the app.
const policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; " +
	"form-action 'self' http://127.0.0.1:* http://localhost:*"

// request is what an app asks for: OpenID Connect's implicit flow, with the parts that matter here.
type request struct {
	RedirectURI, Nonce, State string
}

// requestOf reads an app's request, or says what is wrong with it.
func requestOf(r *http.Request) (q request, wrong string) {
	q = request{RedirectURI: r.FormValue("redirect_uri"), Nonce: r.FormValue("nonce"), State: r.FormValue("state")}
	switch {
	case r.FormValue("client_id") != Audience:
		return q, "client_id is not " + Audience + "."
	case r.FormValue("response_type") != "id_token":
		return q, "response_type is not id_token."
	case !local(q.RedirectURI):
		return q, "redirect_uri is not a page of this machine."
	case q.Nonce == "" || len(q.Nonce) > maxField || len(q.State) > maxField:
		return q, "nonce is missing, or nonce or state is too long."
	}
	return q, ""
}

// askWho shows the page on which a person says who they are.
func (i *Issuer) askWho(w http.ResponseWriter, r *http.Request) {
	q, wrong := requestOf(r)
	show(w, q, wrong)
}

// sendBack sends the browser back to the app, with a token.
func (i *Issuer) sendBack(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	q, wrong := requestOf(r)
	verified := r.FormValue("verified") != ""
	p := person{Email: r.FormValue("email"), Verified: &verified, Nonce: q.Nonce}
	if wrong == "" {
		wrong = p.refusal()
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		wrong = "This came from another site's page."
	}
	if wrong != "" {
		show(w, q, wrong)
		return
	}
	to := q.RedirectURI + "#id_token=" + i.signed(p)
	if q.State != "" {
		to += "&state=" + template.URLQueryEscaper(q.State)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func show(w http.ResponseWriter, q request, wrong string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin") // without a referrer, the form's Origin would be null
	h.Set("X-Content-Type-Options", "nosniff")
	if wrong != "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = page.Execute(w, map[string]any{"Request": q, "Wrong": wrong, "Audience": Audience}) // the browser may have gone
}
