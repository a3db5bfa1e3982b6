package sandbox

import (
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

type customer struct {
	base
	Address             any               `json:"address"`
	Balance             int64             `json:"balance"` // negative: credit that the next invoices use up
	Currency            text              `json:"currency"`
	DefaultSource       text              `json:"default_source"`
	Delinquent          bool              `json:"delinquent"`
	Description         text              `json:"description"`
	Discount            *discount         `json:"discount"`
	Email               text              `json:"email"`
	InvoicePrefix       string            `json:"invoice_prefix"`
	InvoiceSettings     invoiceSettings   `json:"invoice_settings"`
	Metadata            map[string]string `json:"metadata"`
	Name                text              `json:"name"`
	NextInvoiceSequence int64             `json:"next_invoice_sequence"`
	Phone               text              `json:"phone"`
	PreferredLocales    []string          `json:"preferred_locales"`
	Shipping            any               `json:"shipping"`
	TaxExempt           string            `json:"tax_exempt"`
	TestClock           text              `json:"test_clock"`
	Hidden              struct {
		Deleted bool
	} `json:"_sandbox"`
}

type invoiceSettings struct {
	CustomFields         any  `json:"custom_fields"`
	DefaultPaymentMethod text `json:"default_payment_method"`
	Footer               text `json:"footer"`
	RenderingOptions     any  `json:"rendering_options"`
}

// customerAt returns a customer that is not deleted. param says which parameter the id came from.
func (w *world) customerAt(id, param string) (*customer, error) {
	found := w.Customers.get(id)
	if found == nil || found.Hidden.Deleted && param != "id" {
		return nil, noSuch("customer", id, param)
	}
	return found, nil
}

func (w *world) newCustomer(email, name string) *customer {
	c := &customer{
		base:                w.begin("cus_", "customer"),
		Email:               text(email),
		Name:                text(name),
		Metadata:            map[string]string{},
		NextInvoiceSequence: 1,
		PreferredLocales:    []string{},
		TaxExempt:           "none",
		TestClock:           text(w.clock),
	}
	c.ID = newID("cus_", 14)
	c.InvoicePrefix = strings.ToUpper(newID("", 8))
	return w.Customers.add(c)
}

func createCustomer(c *call) (any, error) {
	clock := c.p.Text("test_clock")
	if clock != "" && c.TestClocks.get(clock) == nil {
		return nil, noSuch("test clock", clock, "test_clock")
	}
	method, err := c.offered("payment_method", nil)
	if err != nil {
		return nil, err
	}
	if err := method.attachable(); err != nil {
		return nil, err
	}
	if err := checkTaxIDs(c.p.List("tax_id_data")); err != nil {
		return nil, err
	}
	source, err := c.offeredSource()
	if err != nil {
		return nil, err
	}
	c.clock = clock
	redeemed, err := c.granted(c.p, "", redeemer{})
	if err != nil {
		return nil, err
	}
	made := c.newCustomer("", "")
	if settings := c.p.Sub("invoice_settings"); method != nil && settings.Text(
		"default_payment_method",
	) == c.p.Text("payment_method") {
		method.Customer = text(made.ID) // attached below; it may already be the default
		settings["default_payment_method"] = method.ID
	}
	if err := c.fillCustomer(made); err != nil {
		c.Customers.remove(made.ID)
		return nil, err
	}
	c.settleCash(made.ID, c.p.Sub("cash_balance"))
	if redeemed != nil {
		made.Discount = c.newDiscount(redeemed)
		made.Discount.Customer = text(made.ID)
	}
	c.emit("customer.created", made)
	c.announceDiscount(nil, made.Discount)
	for _, each := range c.p.List("tax_id_data") {
		c.newTaxID(made, each.Text("type"), each.Text("value"))
	}
	if made.Balance != 0 {
		c.enterBalance(made, made.Balance, "initial")
	}
	if method != nil {
		method.Customer = text(made.ID)
		c.emit("payment_method.attached", method)
	}
	if source != nil {
		c.addSource(source, made, true)
	}
	return made, nil
}

func updateCustomer(c *call) (any, error) {
	found, err := c.customerAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	if found.Hidden.Deleted {
		return nil, noSuch("customer", c.id, "id")
	}
	c.on(found)
	redeemed, err := c.granted(c.p, "", redeemer{holder: found})
	if err != nil {
		return nil, err
	}
	trial := *found
	if err := c.fillCustomer(&trial); err != nil {
		return nil, err
	}
	source, err := c.offeredSource()
	if err != nil {
		return nil, err
	}
	c.settleCash(found.ID, c.p.Sub("cash_balance"))
	moved := trial.Balance - found.Balance
	c.change("customer.updated", found, func() { *found = trial })
	if moved != 0 {
		c.enterBalance(found, moved, "adjustment")
	}
	if source != nil {
		c.addSource(source, found, true)
	}
	if redeemed != nil {
		c.discountCustomer(found, redeemed)
	}
	return found, nil
}

func (c *call) fillCustomer(into *customer) error {
	p := c.p
	if id := p.Sub("invoice_settings").Text("default_payment_method"); id != "" {
		method := c.PaymentMethods.get(id)
		if method == nil {
			return noSuch("PaymentMethod", id, "invoice_settings[default_payment_method]")
		}
		if string(method.Customer) != into.ID {
			return invalid(
				"invoice_settings[default_payment_method]",
				"The customer does not have a payment method with the ID %s. The payment method must be attached to the customer.",
				id,
			)
		}
	}
	if id := p.Text("default_source"); id != "" {
		method := c.PaymentMethods.get(id)
		if method == nil || !method.isSource() || string(method.Customer) != into.ID {
			return noSuch("source", id, "default_source")
		}
		into.DefaultSource = text(id)
	}
	for name, field := range map[string]*text{
		"description": &into.Description,
		"email":       &into.Email,
		"name":        &into.Name,
		"phone":       &into.Phone,
	} {
		setText(field, p, name)
	}
	if p.Has("address") {
		into.Address = addressOf(p.Sub("address"))
	}
	if p.Has("shipping") {
		into.Shipping = shippingOf(p.Sub("shipping"))
	}
	if p.Has("balance") {
		into.Balance = p.Int("balance")
	}
	if p.Has("preferred_locales") {
		into.PreferredLocales = p.Texts("preferred_locales")
	}
	if value := p.Text("tax_exempt"); value != "" {
		into.TaxExempt = value
	}
	if value := p.Text("invoice_prefix"); value != "" {
		into.InvoicePrefix = value
	}
	if p.Has("next_invoice_sequence") {
		into.NextInvoiceSequence = p.Int("next_invoice_sequence")
	}
	settings := p.Sub("invoice_settings")
	setText(&into.InvoiceSettings.DefaultPaymentMethod, settings, "default_payment_method")
	setText(&into.InvoiceSettings.Footer, settings, "footer")
	into.Metadata = mergedMetadata(into.Metadata, p)
	return nil
}

func getCustomer(c *call) (any, error) {
	found, err := c.customerAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	if found.Hidden.Deleted {
		return deleted("customer", found.ID), nil
	}
	return found, nil
}

func listCustomers(c *call) (any, error) {
	clock := c.p.Text("test_clock")
	return list(c, &c.Customers, "customer", func(each *customer) bool {
		return !each.Hidden.Deleted && string(each.TestClock) == clock &&
			(!c.p.Has("email") || string(each.Email) == c.p.Text("email"))
	})
}

// deleteCustomer cancels the customer's subscriptions, as Stripe does.
func deleteCustomer(c *call) (any, error) {
	found, err := c.customerAt(c.id, "id")
	if err != nil || found.Hidden.Deleted {
		return nil, noSuch("customer", c.id, "id")
	}
	c.on(found)
	c.eraseCustomer(found)
	return deleted("customer", found.ID), nil
}

func (w *world) eraseCustomer(found *customer) {
	for _, s := range w.Subscriptions.among(found.ID, func(s *subscription) bool { return !s.ended() }) {
		w.cancelSubscription(s, "cancellation_requested")
	}
	w.emit("customer.deleted", found)
	found.Hidden.Deleted = true
}

func setText(field *text, p spec.Params, name string) {
	if p.Has(name) {
		*field = text(p.Text(name))
	}
}

func addressOf(p spec.Params) any {
	if len(p) == 0 {
		return nil
	}
	address := map[string]any{}
	for _, key := range []string{"city", "country", "line1", "line2", "postal_code", "state"} {
		address[key] = text(p.Text(key))
	}
	return address
}

func shippingOf(p spec.Params) any {
	if len(p) == 0 {
		return nil
	}
	return map[string]any{
		"address": addressOf(p.Sub("address")), "name": text(p.Text("name")), "phone": text(p.Text("phone")),
	}
}

// mergedMetadata returns metadata merged per key. An empty value deletes its key; empty metadata deletes all keys.
func mergedMetadata(old map[string]string, p spec.Params) map[string]string {
	merged := map[string]string{}
	if !p.Unset("metadata") {
		for key, value := range old {
			merged[key] = value
		}
	}
	for key, value := range p.Map("metadata") {
		if value == "" {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}
	return merged
}
