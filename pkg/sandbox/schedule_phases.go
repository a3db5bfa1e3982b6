package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// schedulePhase describes a subscription from one time to another.
type schedulePhase struct {
	AddInvoiceItems       []any             `json:"add_invoice_items"`
	ApplicationFeePercent any               `json:"application_fee_percent"`
	BillingCycleAnchor    text              `json:"billing_cycle_anchor"`
	BillingThresholds     any               `json:"billing_thresholds"`
	CollectionMethod      text              `json:"collection_method"`
	Coupon                text              `json:"coupon"`
	Currency              string            `json:"currency"`
	DefaultPaymentMethod  text              `json:"default_payment_method"`
	DefaultTaxRates       []any             `json:"default_tax_rates"`
	Description           text              `json:"description"`
	EndDate               int64             `json:"end_date"`
	InvoiceSettings       any               `json:"invoice_settings"`
	Items                 []phaseItem       `json:"items"`
	Metadata              map[string]string `json:"metadata"`
	OnBehalfOf            text              `json:"on_behalf_of"`
	ProrationBehavior     string            `json:"proration_behavior"`
	StartDate             int64             `json:"start_date"`
	TransferData          any               `json:"transfer_data"`
	TrialEnd              stamp             `json:"trial_end"`
}

type phaseItem struct {
	BillingThresholds any               `json:"billing_thresholds"`
	Metadata          map[string]string `json:"metadata"`
	Price             string            `json:"price"`
	Quantity          int64             `json:"quantity"`
	TaxRates          []any             `json:"tax_rates"`
}

const (
	mostPhases     = 10
	mostIterations = 1000
)

// phaseNames are the parameters of a phase that the sandbox acts on.
var phaseNames = setOf([]string{
	"billing_cycle_anchor", "coupon", "currency", "default_payment_method", "description", "end_date", "items",
	"iterations", "metadata",
	"proration_behavior", "start_date", "trial", "trial_end",
})

func (p *schedulePhase) span() *phaseSpan {
	return &phaseSpan{StartDate: p.StartDate, EndDate: p.EndDate}
}

// newPhase returns a phase without any settings yet.
func newPhase(begins int64) schedulePhase {
	return schedulePhase{
		AddInvoiceItems:   []any{},
		DefaultTaxRates:   []any{},
		Metadata:          map[string]string{},
		ProrationBehavior: "create_prorations",
		StartDate:         begins,
	}
}

func newPhaseItem(priceID string, quantity int64, metadata map[string]string) phaseItem {
	return phaseItem{Metadata: metadata, Price: priceID, Quantity: quantity, TaxRates: []any{}}
}

// phaseOf returns a subscription's current period as a phase.
func phaseOf(s *subscription) schedulePhase {
	phase := newPhase(s.CurrentPeriodStart)
	phase.Currency, phase.EndDate, phase.DefaultPaymentMethod = s.Currency, s.CurrentPeriodEnd, s.DefaultPaymentMethod
	if s.Status == "trialing" {
		phase.TrialEnd = s.TrialEnd
	}
	if s.Discount != nil {
		phase.Coupon = text(s.Discount.Coupon.ID)
	}
	for _, item := range s.Items.Data {
		phase.Items = append(phase.Items, newPhaseItem(item.Price.ID, item.Quantity, item.Metadata))
	}
	return phase
}

// phases reads phases[]. Each phase begins when the one before it ends. All must have one currency. If currency is "",
// it is that of the first phase.
func (c *call) phases(holder *customer, begins int64, currency string) ([]schedulePhase, error) {
	entries := c.p.List("phases")
	if len(entries) > mostPhases {
		return nil, invalid("phases", "A subscription schedule can have at most %d phases.", mostPhases)
	}
	var phases []schedulePhase
	for n, entry := range entries {
		at := fmt.Sprintf("phases[%d]", n)
		for _, name := range slices.Sorted(maps.Keys(entry)) {
			if !phaseNames[name] {
				return nil, invalid(at+"["+name+"]", "The sandbox does not act on `%s` of a phase: leave it out.", name)
			}
		}
		phase, err := c.phase(entry, begins, at)
		if err != nil {
			return nil, err
		}
		if currency == "" {
			currency = phase.Currency
		}
		if wanted := entry.Text("currency"); phase.Currency != currency || wanted != "" && wanted != currency {
			return nil, invalid(
				at+"[items]", "All phases of a schedule, and its subscription, must be of the same currency: `%s`.",
				currency,
			)
		}
		if method := c.PaymentMethods.get(
			string(phase.DefaultPaymentMethod),
		); phase.DefaultPaymentMethod != "" && (method == nil || string(method.Customer) != holder.ID) {
			return nil, noSuch("PaymentMethod", string(phase.DefaultPaymentMethod), at+"[default_payment_method]")
		}
		phases, begins = append(phases, *phase), phase.EndDate
	}
	return phases, nil
}

func (c *call) phase(entry spec.Params, begins int64, at string) (*schedulePhase, error) {
	bought, err := c.purchases(entry.List("items"), at+"[items]", "recurring")
	if err != nil {
		return nil, err
	}
	if len(bought) == 0 {
		return nil, missing(at + "[items]")
	}
	phase := newPhase(begins)
	phase.Currency = bought[0].price.Currency
	for _, each := range bought {
		phase.Items = append(phase.Items, newPhaseItem(each.price.ID, each.quantity, each.metadata))
	}
	if start := entry.Int("start_date"); start != 0 && start != begins {
		return nil, invalid(at+"[start_date]", "A phase must start where the phase before it ends, at %d.", begins)
	}
	setText(&phase.BillingCycleAnchor, entry, "billing_cycle_anchor")
	setText(&phase.Coupon, entry, "coupon")
	if phase.Coupon != "" && c.Coupons.get(string(phase.Coupon)) == nil {
		return nil, noSuch("coupon", string(phase.Coupon), at+"[coupon]")
	}
	setText(&phase.DefaultPaymentMethod, entry, "default_payment_method")
	setText(&phase.Description, entry, "description")
	phase.Metadata = mergedMetadata(nil, entry)
	if behavior := entry.Text("proration_behavior"); behavior != "" {
		phase.ProrationBehavior = behavior
	}
	if phase.EndDate, err = c.phaseEnd(entry, begins, bought[0].price.Recurring, at); err != nil {
		return nil, err
	}
	if entry.Flag("trial") {
		phase.TrialEnd = stamp(phase.EndDate)
	}
	if end := entry.Int("trial_end"); end != 0 {
		if end <= begins || end > phase.EndDate || entry.Flag("trial") {
			return nil, invalid(
				at+"[trial_end]",
				"A phase's trial_end must lie within the phase, and cannot be given together with trial.",
			)
		}
		phase.TrialEnd = stamp(end)
	}
	return &phase, nil
}

// phaseEnd returns when a phase ends: at its end_date, or after its number of iterations. If neither is given, it is
// one iteration.
func (c *call) phaseEnd(entry spec.Params, begins int64, cycle *recurring, at string) (int64, error) {
	if entry.Has("end_date") {
		end := entry.Int("end_date")
		if entry.Text("end_date") == "now" {
			end = c.now()
		}
		switch {
		case entry.Has("iterations"):
			return 0, invalid(at+"[iterations]", "You may only specify one of these parameters: end_date, iterations.")
		case end <= begins || end > begins+maxAdvance:
			return 0, invalid(at+"[end_date]", "A phase must end after it starts, within ten years.")
		}
		return end, nil
	}
	iterations := int64(1)
	if entry.Has("iterations") {
		iterations = entry.Int("iterations")
	}
	if iterations < 1 || iterations > mostIterations {
		return 0, coded(
			"parameter_invalid_integer", at+"[iterations]", "iterations must be between 1 and %d.", mostIterations,
		)
	}
	end := cycle.step(time.Unix(begins, 0).UTC(), int(iterations*cycle.IntervalCount)).Unix()
	if end > begins+maxAdvance {
		return 0, invalid(at+"[iterations]", "A phase must end within ten years.")
	}
	return end, nil
}
