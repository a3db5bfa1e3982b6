package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// showObject serves the page of anything that has an id. The page shows its facts, its actions, what belongs to it, and
// its JSON as the API returns it.
func (s *Sandbox) showObject(out http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var home string
	s.look(func(w *world) { home = homeOf(w.find(id)) })
	s.drawPanel(out, r, home, func(w *world) *pages.PanelView {
		found := w.find(id)
		if found == nil {
			return nil
		}
		shown := render(found)
		noun, _ := shown["object"].(string)
		line := s.row(w, found)
		view := &pages.PanelView{
			Title: line.Title,
			Kind:  capital(words(noun)) + " " + id,
			Badge: line.Badge,
			Facts: w.facts(found, line),
			Acts:  w.objectActs(found),
			JSON:  w.linked(shown),
		}
		switch found.(type) {
		case *paymentIntent, *charge:
			view.Title = line.Cells[0].Text + " by " + line.Title
		}
		for _, each := range related {
			belongs := s.bookOf(w, each, panelGlance*2, "", func(v any) bool { return w.refers(v, id) })
			if belongs.Older = ""; len(belongs.Rows) > 0 {
				view.Tables = append(view.Tables, belongs)
			}
		}
		if _, is := found.(*event); is && len(view.Tables) == 0 {
			view.Tables = append(
				view.Tables,
				pages.Table{
					ID:    "deliveries",
					Title: "Deliveries",
					Empty: "No attempt to deliver this event since the sandbox started.",
				},
			)
		}
		return view
	})
}

// homeOf returns the path of the book that v's page belongs to.
func homeOf(v any) string {
	switch v.(type) {
	case *customer, *paymentMethod, *setupIntent:
		return "customers"
	case *subscription:
		return "subscriptions"
	case *checkoutSession:
		return "checkout"
	case *invoice, *invoiceItem:
		return "invoices"
	case *paymentIntent, *charge:
		return "payments"
	case *refund:
		return "refunds"
	case *dispute:
		return "disputes"
	case *event:
		return "events"
	case *webhookEndpoint:
		return "endpoints"
	case *price, *product:
		return "catalog"
	case *testClock:
		return "clocks"
	}
	return "none"
}

// objectActs returns the actions of v's row, with the inputs for which a row has no room.
func (w *world) objectActs(v any) []pages.Act {
	acts := w.acts(v)
	for i, act := range acts {
		if act.Action == "refund" {
			acts[i].Input = &pages.Input{
				Name:        "amount",
				Label:       "Amount in the currency's smallest unit, all that is left without one",
				Placeholder: "all, or cents",
			}
		}
	}
	return acts
}

// facts returns the cells of v's row with their column names, and what else a person asks first.
func (w *world) facts(v any, line pages.Row) []pages.Fact {
	var facts []pages.Fact
	if b := bookAt(homeOf(v)); b != nil && len(b.columns) == len(line.Cells)+1 {
		for i, cell := range line.Cells {
			if cell.Text != "" {
				facts = append(facts, pages.Fact{Name: b.columns[i+1], Text: cell.Text})
			}
		}
	}
	add := func(name, id string) {
		if id == "" {
			return
		}
		text := id
		if name == "Customer" {
			text = w.wordCustomer(id)
		}
		if name == "Payment method" {
			text = w.wordMethod(id)
		}
		facts = append(facts, pages.Fact{Name: name, Text: text, URL: objectPath(id)})
	}
	switch v := v.(type) {
	case *customer:
		facts = append(facts, pages.Fact{Name: "Name", Text: string(v.Name)})
		add("Payment method", string(v.InvoiceSettings.DefaultPaymentMethod))
		add("Test clock", string(v.TestClock))
	case *subscription:
		add("Customer", v.Customer)
		add("Payment method", string(v.DefaultPaymentMethod))
		add("Latest invoice", string(v.LatestInvoice))
		add("Test clock", string(v.TestClock))
	case *checkoutSession:
		add("Customer", string(v.Customer))
		add("Subscription", string(v.Subscription))
		add("Payment", string(v.PaymentIntent))
	case *invoice:
		add("Customer", v.Customer)
		add("Subscription", string(v.Subscription))
		add("Payment", string(v.PaymentIntent))
	case *paymentIntent:
		add("Customer", string(v.Customer))
		add("Invoice", string(v.Invoice))
	case *charge:
		add("Customer", string(v.Customer))
		add("Payment", string(v.PaymentIntent))
	case *dispute:
		add("Charge", v.Charge)
	case *refund:
		add("Charge", string(v.Charge))
	case *event:
		add("About", subjectOf(v))
		facts = append(facts, pages.Fact{Name: "Request", Text: string(v.Request.RequestID)})
	}
	named := facts[:0]
	for _, each := range facts {
		if each.Text != "" {
			named = append(named, each)
		}
	}
	return named
}

// subjectOf returns the id of the object that an event is about.
func subjectOf(e *event) string {
	data, _ := render(e)["data"].(map[string]any)
	object, _ := data["object"].(map[string]any)
	id, _ := object["id"].(string)
	return id
}

var idText = regexp.MustCompile(`"([a-z]+_[A-Za-z0-9_]+)"`)

// linked returns an object's JSON, with a link on every id that leads somewhere.
func (w *world) linked(object map[string]any) []pages.Span {
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		panic("sandbox: an object does not marshal: " + err.Error())
	}
	var spans []pages.Span
	from := 0
	for _, at := range idText.FindAllSubmatchIndex(text, -1) {
		if id := string(text[at[2]:at[3]]); w.find(id) != nil && id != object["id"] {
			spans = append(spans, pages.Span{Text: string(text[from:at[2]])}, pages.Span{Text: id, URL: objectPath(id)})
			from = at[3]
		}
	}
	return append(spans, pages.Span{Text: string(text[from:])})
}
