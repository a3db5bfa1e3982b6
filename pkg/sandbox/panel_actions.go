package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// wish is the request that a button of the panel sends.
type wish struct {
	method, path string
	control      any        // the JSON body of a request to one of the sandbox's controls
	form         url.Values // or the form of a request to the API
	said         string     // the message to show when it succeeded
}

// wishes are the panel's buttons. Each sends a request to the API or to the controls, so a script can do whatever the
// panel can do. id is safe in a path.
var wishes = map[string]func(id string, form url.Values, now time.Time) wish{
	"advance":    wishAdvance,
	"test_clock": wishTestClock,
	"paid":       wishNextInvoice("paid", "The next invoice is paid:"),
	"failed":     wishNextInvoice("failed", "The next invoice is not paid:"),
	"cancel": func(id string, _ url.Values, _ time.Time) wish {
		return wish{method: "DELETE", path: "/v1/subscriptions/" + id, said: "The subscription is canceled."}
	},
	"expire":   wishOperation("/v1/checkout/sessions/", "/expire", nil, "The checkout session has expired."),
	"finalize": wishOperation("/v1/invoices/", "/finalize", nil, "The invoice is finalized."),
	"pay":      wishOperation("/v1/invoices/", "/pay", nil, "The invoice is paid."),
	"void":     wishOperation("/v1/invoices/", "/void", nil, "The invoice is void."),
	"disable": wishOperation(
		"/v1/webhook_endpoints/", "", url.Values{"disabled": {"true"}}, "The endpoint is disabled.",
	),
	"enable": wishOperation(
		"/v1/webhook_endpoints/", "", url.Values{"disabled": {"false"}}, "The endpoint is enabled.",
	),
	"refund":  wishRefund,
	"dispute": wishControl("payments", "/dispute", map[string]any{"reason": "fraudulent"}, "The payment is disputed:"),
	"inquiry": wishControl(
		"payments", "/dispute", map[string]any{"inquiry": true}, "The payer's bank asks about the payment:",
	),
	"won": wishControl(
		"disputes", "/close", map[string]any{"outcome": "won"}, "The dispute is decided for the merchant.",
	),
	"lost": wishControl(
		"disputes", "/close", map[string]any{"outcome": "lost"}, "The dispute is decided for the payer.",
	),
	"accepted": wishControl("intents", "/authenticate", map[string]any{"outcome": "accepted"}, "The payer confirmed."),
	"refused":  wishControl("intents", "/authenticate", map[string]any{"outcome": "refused"}, "The payer refused."),
	"resend": func(id string, form url.Values, _ time.Time) wish {
		return control(
			"POST", "events/"+id+"/resend", map[string]any{"endpoint": form.Get("endpoint")},
			"The event is sent again.",
		)
	},
	"roll": func(id string, form url.Values, _ time.Time) wish {
		return control(
			"POST", "webhook_endpoints/"+id+"/roll",
			map[string]any{"expires_in_seconds": number(form.Get("expires_in_seconds"))},
			"The endpoint has a new secret.",
		)
	},
	"endpoint": wishEndpoint,
	"portal": func(id string, _ url.Values, _ time.Time) wish {
		return wish{method: "POST", path: "/v1/billing_portal/sessions", form: url.Values{"customer": {id}}}
	},
	"fault": wishFault,
	"clear": func(id string, _ url.Values, _ time.Time) wish {
		if id == "" {
			return control("DELETE", "faults", nil, "All faults are cleared.")
		}
		return control("DELETE", "faults/"+id, nil, "The fault is cleared.")
	},
}

// actOnPanel sends the request of a button and redirects to the page where it was pressed.
func (s *Sandbox) actOnPanel(api http.Handler) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		made, known := wishes[r.PathValue("action")]
		r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		if err := r.ParseForm(); err != nil || !known {
			s.showNothing(out, r)
			return
		}
		var now time.Time
		s.look(func(w *world) { now = w.mainTime() })
		wanted := made(url.PathEscape(r.PostForm.Get("object")), r.PostForm, now)
		status, answer := ask(api, r, wanted)
		if page, _ := answer["url"].(string); wanted.said == "" && status == http.StatusOK {
			http.Redirect(out, r, page, http.StatusSeeOther)
			return
		}
		back := returnPath(r)
		query := back.Query()
		s.look(func(*world) { query.Set("said", s.said.put(wanted.outcome(status, answer))) })
		back.RawQuery = query.Encode()
		http.Redirect(out, r, back.String(), http.StatusSeeOther)
	}
}

// ask sends a wish to the sandbox itself. Faults do not affect it, because they are for the merchant's calls.
func ask(api http.Handler, r *http.Request, wanted wish) (status int, answer map[string]any) {
	body, kind := []byte(wanted.form.Encode()), "application/x-www-form-urlencoded"
	if wanted.control != nil {
		var err error
		if body, err = json.Marshal(wanted.control); err != nil {
			panic("sandbox: a control's wish does not marshal: " + err.Error())
		}
		kind = "application/json"
	}
	request, err := http.NewRequestWithContext(r.Context(), wanted.method, wanted.path, bytes.NewReader(body))
	if err != nil { // it cannot fail: the path holds only escaped text
		return http.StatusBadRequest, nil
	}
	request.Host = r.Host
	request.Header.Set("Authorization", "Bearer sk_test_panel")
	request.Header.Set("Content-Type", kind)
	got := &reply{header: http.Header{}, status: http.StatusOK}
	api.ServeHTTP(got, request)
	json.Unmarshal(got.body.Bytes(), &answer) // a body that is not JSON is a refusal without a message
	return got.status, answer
}

// outcome returns the message that the panel shows after a wish.
func (wanted wish) outcome(status int, answer map[string]any) pages.Flash {
	if status != http.StatusOK {
		return pages.Flash{Failed: true, Text: refusalText(answer)}
	}
	done := pages.Flash{Text: wanted.said}
	done.Secret, _ = answer["secret"].(string)
	if id, _ := answer["id"].(string); strings.HasSuffix(wanted.said, ":") {
		done.Link = &pages.Link{Text: short(id), URL: objectPath(id)}
	}
	return done
}

// refusalText returns the message in an error of the API or of a control.
func refusalText(answer map[string]any) string {
	switch refusal := answer["error"].(type) {
	case string:
		return refusal
	case map[string]any:
		if sentence, _ := refusal["message"].(string); sentence != "" {
			return sentence
		}
	}
	return "That did not work."
}

// returnPath returns the address of the panel page on which a button was pressed. It returns the overview if the
// browser does not send one.
func returnPath(r *http.Request) *url.URL {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || !strings.HasPrefix(from.Path, "/panel/") {
		return &url.URL{Path: "/"}
	}
	return &url.URL{Path: from.Path, RawQuery: from.RawQuery}
}

// number parses a whole number that a person typed. It returns -1 for any other text, which every control refuses.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
