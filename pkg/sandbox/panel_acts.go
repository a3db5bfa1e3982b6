package sandbox

import (
	"strconv"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// acts returns the actions that are possible on v now. Each is a button that panel_actions.go knows.
func (w *world) acts(v any) []pages.Act {
	switch v := v.(type) {
	case *customer:
		if !v.Hidden.Deleted {
			return []pages.Act{{Action: "portal", ID: v.ID, Text: "Billing portal"}}
		}
	case *subscription:
		return w.subscriptionActs(v)
	case *checkoutSession:
		if v.Status == "open" {
			return []pages.Act{
				{ID: v.ID, Text: "Payment page", URL: string(v.URL)},
				{Action: "expire", ID: v.ID, Text: "Expire", Danger: true},
			}
		}
	case *invoice:
		switch v.Status {
		case "draft":
			return []pages.Act{{Action: "finalize", ID: v.ID, Text: "Finalize"}}
		case "open":
			return []pages.Act{
				{Action: "pay", ID: v.ID, Text: "Pay now"}, {Action: "void", ID: v.ID, Text: "Void", Danger: true},
			}
		}
	case *setupIntent:
		if v.Status == "requires_action" {
			return authentication(v.ID)
		}
	case *paymentIntent:
		if v.Status == "requires_action" {
			return authentication(v.ID)
		}
		return w.chargeActs(w.Charges.get(string(v.LatestCharge)))
	case *charge:
		return w.chargeActs(v)
	case *dispute:
		if v.undecided() {
			return []pages.Act{
				{Action: "won", ID: v.ID, Text: "Win"}, {Action: "lost", ID: v.ID, Text: "Lose", Danger: true},
			}
		}
	case *event:
		return []pages.Act{{Action: "resend", ID: v.ID, Text: "Resend"}}
	case *deliveryAttempt:
		return []pages.Act{
			{
				Action: "resend",
				ID:     v.Event,
				Text:   "Resend",
				Fields: []pages.Field{{Name: "endpoint", Value: v.Endpoint}},
			},
		}
	case *webhookEndpoint:
		return endpointActs(v)
	case *fault:
		return []pages.Act{{Action: "clear", ID: v.ID, Text: "Clear"}}
	case *testClock:
		return testClockActs(v)
	}
	return nil
}

func (w *world) subscriptionActs(v *subscription) []pages.Act {
	if v.ended() {
		return nil
	}
	cancel := pages.Act{Action: "cancel", ID: v.ID, Text: "Cancel now", Danger: true}
	if v.CancelAtPeriodEnd || v.CancelAt != 0 || v.Status == "incomplete" {
		return []pages.Act{cancel}
	}
	return []pages.Act{
		{Action: "paid", ID: v.ID, Text: "Pay next"}, {Action: "failed", ID: v.ID, Text: "Fail next"}, cancel,
	}
}

func testClockActs(v *testClock) []pages.Act {
	from := pages.Field{Name: "from", Value: strconv.FormatInt(v.FrozenTime, 10)}
	return []pages.Act{
		{
			Action: "test_clock",
			ID:     v.ID,
			Text:   "+1 day",
			Fields: []pages.Field{from, {Name: "seconds", Value: "86400"}},
		},
		{
			Action: "test_clock",
			ID:     v.ID,
			Text:   "+31 days",
			Fields: []pages.Field{from, {Name: "seconds", Value: "2678400"}},
		},
	}
}

func authentication(id string) []pages.Act {
	return []pages.Act{
		{Action: "accepted", ID: id, Text: "Accept 3-D Secure"},
		{Action: "refused", ID: id, Text: "Refuse", Danger: true},
	}
}

func (w *world) chargeActs(paid *charge) []pages.Act {
	if paid == nil || !paid.Paid || paid.Refunded || paid.Disputed {
		return nil
	}
	acts := []pages.Act{{Action: "refund", ID: paid.ID, Text: "Refund"}}
	if !paid.Hidden.Disputed {
		acts = append(
			acts, pages.Act{Action: "dispute", ID: paid.ID, Text: "Dispute", Danger: true},
			pages.Act{Action: "inquiry", ID: paid.ID, Text: "Inquiry"},
		)
	}
	return acts
}

func endpointActs(v *webhookEndpoint) []pages.Act {
	roll := func(text, seconds string) pages.Act {
		return pages.Act{
			Action: "roll", ID: v.ID, Text: text, Fields: []pages.Field{{Name: "expires_in_seconds", Value: seconds}},
		}
	}
	acts := []pages.Act{roll("Roll secret, old valid for a day", "86400"), roll("Roll now", "0")}
	if v.Status == "enabled" {
		return append(acts, pages.Act{Action: "disable", ID: v.ID, Text: "Disable", Danger: true})
	}
	return append(acts, pages.Act{Action: "enable", ID: v.ID, Text: "Enable"})
}
