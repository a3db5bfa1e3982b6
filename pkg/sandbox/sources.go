package sandbox

import "strings"

// card is a saved card in its old shape, a customer's source. It is a view. The card itself is a payment method whose
// id begins with card_, so everything that pays with payment methods can pay with it.
type card struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	AddressCity    any               `json:"address_city"`
	AddressCountry any               `json:"address_country"`
	AddressLine1   any               `json:"address_line1"`
	AddressLine2   any               `json:"address_line2"`
	AddressState   any               `json:"address_state"`
	AddressZip     any               `json:"address_zip"`
	Brand          string            `json:"brand"`
	Country        string            `json:"country"`
	Customer       text              `json:"customer"`
	CVCCheck       text              `json:"cvc_check"`
	ExpMonth       int64             `json:"exp_month"`
	ExpYear        int64             `json:"exp_year"`
	Fingerprint    string            `json:"fingerprint"`
	Funding        string            `json:"funding"`
	Last4          string            `json:"last4"`
	Metadata       map[string]string `json:"metadata"`
	Name           text              `json:"name"`
	created        int64
}

func (s *card) key() string { return s.ID }
func (s *card) when() int64 { return s.created }

// brands are the names that a card's old shape has for the brands of payment methods.
var brands = map[string]string{
	"visa": "Visa", "mastercard": "MasterCard", "amex": "American Express", "discover": "Discover",
	"diners": "Diners Club", "jcb": "JCB", "unionpay": "UnionPay",
}

func (m *paymentMethod) card() *card {
	address, _ := m.BillingDetails.Address.(map[string]any)
	return &card{
		ID:             m.ID,
		Object:         "card",
		AddressCity:    address["city"],
		AddressCountry: address["country"],
		AddressLine1:   address["line1"],
		AddressLine2:   address["line2"],
		AddressState:   address["state"],
		AddressZip:     address["postal_code"],
		Brand:          brands[m.Card.Brand],
		Country:        m.Card.Country,
		Customer:       m.Customer,
		CVCCheck:       m.Card.Checks.CVCCheck,
		ExpMonth:       m.Card.ExpMonth,
		ExpYear:        m.Card.ExpYear,
		Fingerprint:    m.Card.Fingerprint,
		Funding:        m.Card.Funding,
		Last4:          m.Card.Last4,
		Metadata:       m.Metadata,
		Name:           m.BillingDetails.Name,
		created:        m.Created,
	}
}

func (m *paymentMethod) isSource() bool { return strings.HasPrefix(m.ID, "card_") }

// sourceOf makes a source from a token. It has no owner yet.
func (w *world) sourceOf(token, param string) (*paymentMethod, error) {
	made, err := w.redeemToken(token, param)
	if err != nil {
		return nil, err
	}
	w.PaymentMethods.remove(made.ID)
	made.ID = newID("card_1", 24)
	return w.PaymentMethods.add(made), nil
}

// offeredSource makes a source from the token in the parameter source, or returns nil if there is none.
func (c *call) offeredSource() (*paymentMethod, error) {
	id := c.p.Text("source")
	if id == "" {
		return nil, nil
	}
	made, err := c.sourceOf(id, "source")
	if err == nil {
		err = made.attachable()
	}
	return made, err
}

// addSource gives a source to a customer. The first one becomes the default.
func (w *world) addSource(made *paymentMethod, holder *customer, asDefault bool) {
	made.Customer = text(holder.ID)
	w.emit("customer.source.created", made.card())
	if asDefault || holder.DefaultSource == "" {
		w.change("customer.updated", holder, func() { holder.DefaultSource = text(made.ID) })
	}
}

// sources returns a customer's sources, newest first.
func (w *world) sources(customerID string) []*card {
	shown := []*card{}
	for _, each := range newestFirst(
		w.PaymentMethods.where(func(m *paymentMethod) bool { return m.isSource() && string(m.Customer) == customerID }),
	) {
		shown = append(shown, each.card())
	}
	return shown
}

func createSource(c *call) (any, error) {
	holder, err := c.customerAt(c.id, "customer")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"alipay_account", "bank_account", "card"} {
		if c.p.Has(name) {
			return nil, invalid(name, "The sandbox makes sources of a card's token only: send it as `source`.")
		}
	}
	if c.p.Text("source") == "" {
		return nil, missing("source")
	}
	made, err := c.offeredSource()
	if err != nil {
		return nil, err
	}
	c.on(holder)
	made.Metadata = mergedMetadata(nil, c.p)
	c.addSource(made, holder, false)
	return made.card(), nil
}

// source finds the source that the URL names.
func (c *call) source() (*paymentMethod, *customer, error) {
	holder, err := c.customerAt(c.id, "customer")
	if err != nil {
		return nil, nil, err
	}
	found := c.PaymentMethods.get(c.item)
	if found == nil || !found.isSource() || string(found.Customer) != holder.ID {
		return nil, nil, noSuch("source", c.item, "id")
	}
	c.on(holder)
	return found, holder, nil
}

func getSource(c *call) (any, error) {
	found, _, err := c.source()
	if err != nil {
		return nil, err
	}
	return found.card(), nil
}

func listSources(c *call) (any, error) {
	if _, err := c.customerAt(c.id, "customer"); err != nil {
		return nil, err
	}
	if kind := c.p.Text("object"); kind != "" && kind != "card" {
		return paginate(c, []*card{}, "source")
	}
	return paginate(c, c.sources(c.id), "source")
}

func updateSource(c *call) (any, error) {
	found, _, err := c.source()
	if err != nil {
		return nil, err
	}
	before := pictured(found.card())
	setText(&found.BillingDetails.Name, c.p, "name")
	address := map[string]any{}
	if old, ok := found.BillingDetails.Address.(map[string]any); ok {
		for key, value := range old {
			address[key] = value
		}
	}
	for _, each := range []struct{ param, key string }{
		{"address_city", "city"}, {
			"address_country", "country",
		}, {"address_line1", "line1"}, {"address_line2", "line2"}, {"address_state", "state"}, {
			"address_zip", "postal_code",
		},
	} {
		if c.p.Has(each.param) {
			address[each.key] = text(c.p.Text(each.param))
		}
	}
	found.BillingDetails.Address = address
	if month := c.p.Int("exp_month"); month >= 1 && month <= 12 {
		found.Card.ExpMonth = month
	}
	if year := c.p.Int("exp_year"); year > 0 {
		found.Card.ExpYear = year
	}
	found.Metadata = mergedMetadata(found.Metadata, c.p)
	shown := found.card()
	c.announce("customer.source.updated", shown, before)
	return shown, nil
}

// deleteSource removes a source. If it was the default, the newest of the others becomes the default.
func deleteSource(c *call) (any, error) {
	found, holder, err := c.source()
	if err != nil {
		return nil, err
	}
	gone := found.card()
	found.Customer = ""
	c.emit("customer.source.deleted", gone)
	if string(holder.DefaultSource) == found.ID {
		next := text("")
		if left := c.sources(holder.ID); len(left) > 0 {
			next = text(left[0].ID)
		}
		c.change("customer.updated", holder, func() { holder.DefaultSource = next })
	}
	return deleted("card", found.ID), nil
}
