package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

type paymentMethod struct {
	base
	BillingDetails billingDetails    `json:"billing_details"`
	Card           cardDetails       `json:"card,omitzero"`
	Customer       text              `json:"customer"`
	Metadata       map[string]string `json:"metadata"`
	SepaDebit      sepaDetails       `json:"sepa_debit,omitzero"`
	Type           string            `json:"type"`
	Hidden         struct {
		Number string // a published test number or an IBAN; decides the outcome of charges
		SetUp  bool   // the payer has authenticated it for future charges
	} `json:"_sandbox"`
}

type billingDetails struct {
	Address any  `json:"address"`
	Email   text `json:"email"`
	Name    text `json:"name"`
	Phone   text `json:"phone"`
}

type cardDetails struct {
	Brand         string         `json:"brand"`
	Checks        cardChecks     `json:"checks"`
	Country       string         `json:"country"`
	DisplayBrand  string         `json:"display_brand"`
	ExpMonth      int64          `json:"exp_month"`
	ExpYear       int64          `json:"exp_year"`
	Fingerprint   string         `json:"fingerprint"`
	Funding       string         `json:"funding"`
	GeneratedFrom any            `json:"generated_from"`
	Last4         string         `json:"last4"`
	Networks      map[string]any `json:"networks"`
	ThreeDSecure  map[string]any `json:"three_d_secure_usage"`
	Wallet        any            `json:"wallet"`
}

type cardChecks struct {
	Line1Check      text `json:"address_line1_check"`
	PostalCodeCheck text `json:"address_postal_code_check"`
	CVCCheck        text `json:"cvc_check"`
}

func emptyAddress() any { return addressOf(spec.Params{"line1": ""}) }

// newMethod makes a card from a test number. Each use of a pm_card_… name makes a new card, as at Stripe.
func (w *world) newMethod(number string, month, year int64, cvc bool) *paymentMethod {
	brand := testCards[number].brand
	sum := sha256.Sum256([]byte(number))
	method := &paymentMethod{
		base:           w.begin("pm_1", "payment_method"),
		Metadata:       map[string]string{},
		Type:           "card",
		BillingDetails: billingDetails{Address: emptyAddress()},
		Card: cardDetails{
			Brand:        brand,
			Country:      "US",
			DisplayBrand: brand,
			ExpMonth:     month,
			ExpYear:      year,
			Funding:      "credit",
			Fingerprint:  base64.RawURLEncoding.EncodeToString(sum[:12]),
			Last4:        number[len(number)-4:],
			Networks:     map[string]any{"available": []string{brand}, "preferred": nil},
			ThreeDSecure: map[string]any{"supported": true},
		},
	}
	if cvc {
		method.Card.Checks.CVCCheck = "pass"
	}
	method.Hidden.Number = number
	return w.PaymentMethods.add(method)
}

// named returns a new method for a test card's name, or nil for any other name.
func (w *world) named(name string) *paymentMethod {
	number, ok := namedCard(name)
	if !ok {
		return nil
	}
	today := time.Unix(w.now(), 0).UTC()
	return w.newMethod(number, int64(today.Month()), int64(today.Year())+1, true)
}

// offered returns the payment method that a parameter names, or nil if it names none. If holder is given, it refuses
// another customer's method.
func (c *call) offered(param string, holder *customer) (*paymentMethod, error) {
	id := c.p.Text(param)
	if data := c.p.Sub(param + "_data"); data != nil {
		if id != "" {
			return nil, invalid(
				param+"_data", "You may only specify one of these parameters: %s, %s_data.", param, param,
			)
		}
		return c.describedMethod(data, param+"_data")
	}
	if id == "" {
		return nil, nil
	}
	if method := c.named(id); method != nil {
		return method, nil
	}
	method := c.PaymentMethods.get(id)
	if method == nil {
		return nil, noSuch("PaymentMethod", id, param)
	}
	if holder != nil && method.Customer != "" && string(method.Customer) != holder.ID {
		return nil, invalid(param, "The payment method '%s' belongs to another customer.", id)
	}
	return method, nil
}

// attachable returns the bank's refusal if the card cannot be saved.
func (m *paymentMethod) attachable() error {
	if m == nil {
		return nil
	}
	if card := testCards[m.Hidden.Number]; card.decline != nil && !card.attaches {
		return declinedError(card.decline)
	}
	return nil
}

func declinedError(d *decline) *apiError {
	e := &apiError{status: 402, Type: "card_error", Code: d.code, Message: d.message, DocURL: docURL(d.code)}
	if d.code == "card_declined" || d.code == "authentication_required" {
		e.DeclineCode = d.declineCode
	}
	if d.code == "incorrect_cvc" {
		e.Param = "cvc"
	}
	return e
}

func (w *world) attach(method *paymentMethod, holder *customer) {
	if string(method.Customer) == holder.ID {
		return
	}
	method.Customer = text(holder.ID)
	w.emit("payment_method.attached", method)
}

func createPaymentMethod(c *call) (any, error) {
	made, err := c.describedMethod(c.p, "")
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (m *paymentMethod) fill(p spec.Params) {
	details := p.Sub("billing_details")
	if details.Has("address") && len(details.Sub("address")) > 0 {
		m.BillingDetails.Address = addressOf(details.Sub("address"))
	}
	setText(&m.BillingDetails.Email, details, "email")
	setText(&m.BillingDetails.Name, details, "name")
	setText(&m.BillingDetails.Phone, details, "phone")
	m.Metadata = mergedMetadata(m.Metadata, p)
}

func updatePaymentMethod(c *call) (any, error) {
	method := c.PaymentMethods.get(c.id)
	if method == nil {
		return nil, noSuch("PaymentMethod", c.id, "id")
	}
	if method.Customer == "" {
		return nil, invalid("", "You must save this PaymentMethod to a customer before you can update it.")
	}
	c.change("payment_method.updated", method, func() {
		method.fill(c.p)
		if card := c.p.Sub("card"); card.Has("exp_month") {
			method.Card.ExpMonth = card.Int("exp_month")
		}
		if card := c.p.Sub("card"); card.Has("exp_year") {
			method.Card.ExpYear = card.Int("exp_year")
		}
	})
	return method, nil
}

func getPaymentMethod(c *call) (any, error) {
	if method := c.PaymentMethods.get(c.id); method != nil {
		return method, nil
	}
	return nil, noSuch("PaymentMethod", c.id, "id")
}

func listPaymentMethods(c *call) (any, error) {
	if c.p.Text("customer") == "" {
		return nil, missing("customer")
	}
	if _, err := c.customerAt(c.p.Text("customer"), "customer"); err != nil {
		return nil, err
	}
	return c.methodsOf(c.p.Text("customer"))
}

func listCustomerPaymentMethods(c *call) (any, error) {
	if _, err := c.customerAt(c.id, "id"); err != nil {
		return nil, err
	}
	return c.methodsOf(c.id)
}

func (c *call) methodsOf(customerID string) (any, error) {
	return list(c, &c.PaymentMethods, "PaymentMethod", func(m *paymentMethod) bool {
		return string(m.Customer) == customerID && (!c.p.Has("type") || m.Type == c.p.Text("type"))
	})
}

func getCustomerPaymentMethod(c *call) (any, error) {
	method := c.PaymentMethods.get(c.item)
	if method == nil || string(method.Customer) != c.id {
		return nil, noSuch("PaymentMethod", c.item, "id")
	}
	return method, nil
}

func attachPaymentMethod(c *call) (any, error) {
	method := c.PaymentMethods.get(c.id)
	if method == nil {
		if method = c.named(c.id); method == nil {
			return nil, noSuch("PaymentMethod", c.id, "id")
		}
	}
	holder, err := c.customerAt(c.p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	if method.Customer != "" && string(method.Customer) != holder.ID {
		return nil, invalid("", "The payment method you provided has already been attached to a customer.")
	}
	if err := method.attachable(); err != nil {
		return nil, err
	}
	c.on(holder)
	c.attach(method, holder)
	return method, nil
}

func detachPaymentMethod(c *call) (any, error) {
	method := c.PaymentMethods.get(c.id)
	if method == nil {
		return nil, noSuch("PaymentMethod", c.id, "id")
	}
	if method.Customer == "" {
		return nil, invalid(
			"", "The payment method you provided is not attached to a customer so detachment is impossible.",
		)
	}
	if holder := c.Customers.get(string(method.Customer)); holder != nil {
		c.on(holder)
		if string(holder.InvoiceSettings.DefaultPaymentMethod) == method.ID {
			c.change("customer.updated", holder, func() { holder.InvoiceSettings.DefaultPaymentMethod = "" })
		}
		if string(holder.DefaultSource) == method.ID {
			c.change("customer.updated", holder, func() { holder.DefaultSource = "" })
		}
	}
	c.change("payment_method.detached", method, func() { method.Customer = "" })
	return method, nil
}
