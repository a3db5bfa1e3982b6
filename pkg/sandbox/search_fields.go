package sandbox

import "fmt"

// The fields of each resource that Stripe documents as searchable, if the sandbox has them.

var searchableCustomers = searchable[customer]{
	metadata: func(c *customer) map[string]string { return c.Metadata },
	fields: map[string]searchField[customer]{
		"created": {byNumber, func(c *customer) any { return c.Created }},
		"email":   {byText, func(c *customer) any { return string(c.Email) }},
		"name":    {byText, func(c *customer) any { return string(c.Name) }},
		"phone":   {byText, func(c *customer) any { return string(c.Phone) }},
	},
}

var searchableCharges = searchable[charge]{
	metadata: func(c *charge) map[string]string { return c.Metadata },
	fields: map[string]searchField[charge]{
		"amount":   {byNumber, func(c *charge) any { return c.Amount }},
		"created":  {byNumber, func(c *charge) any { return c.Created }},
		"currency": {byWord, func(c *charge) any { return c.Currency }},
		"customer": {byWord, func(c *charge) any { return string(c.Customer) }},
		"disputed": {byWord, func(c *charge) any { return c.Disputed }},
		"refunded": {byWord, func(c *charge) any { return c.Refunded }},
		"status":   {byWord, func(c *charge) any { return c.Status }},
		"billing_details.address.postal_code": {byWord, func(c *charge) any {
			return wordOf(asMap(c.BillingDetails.Address)["postal_code"])
		}},
		"payment_method_details.card.brand":       {byWord, chargedWith("brand")},
		"payment_method_details.card.fingerprint": {byWord, chargedWith("fingerprint")},
		"payment_method_details.card.last4":       {byWord, chargedWith("last4")},
		"payment_method_details.card.exp_month":   {byWord, chargedWith("exp_month")},
		"payment_method_details.card.exp_year":    {byWord, chargedWith("exp_year")},
	},
}

// chargedWith returns a function that returns a detail of a charge's card, as a word.
func chargedWith(name string) func(*charge) any {
	return func(c *charge) any { return wordOf(asMap(c.PaymentMethodDetails["card"])[name]) }
}

// wordOf returns a value of a map as text. After a restart, the map holds the types that JSON has.
func wordOf(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

var searchableInvoices = searchable[invoice]{
	metadata: func(i *invoice) map[string]string { return i.Metadata },
	fields: map[string]searchField[invoice]{
		"created":      {byNumber, func(i *invoice) any { return i.Created }},
		"currency":     {byWord, func(i *invoice) any { return i.Currency }},
		"customer":     {byWord, func(i *invoice) any { return i.Customer }},
		"number":       {byText, func(i *invoice) any { return string(i.Number) }},
		"status":       {byWord, func(i *invoice) any { return i.Status }},
		"subscription": {byWord, func(i *invoice) any { return string(i.Subscription) }},
		"total":        {byNumber, func(i *invoice) any { return i.Total }},
	},
}

var searchableIntents = searchable[paymentIntent]{
	metadata: func(i *paymentIntent) map[string]string { return i.Metadata },
	fields: map[string]searchField[paymentIntent]{
		"amount":   {byNumber, func(i *paymentIntent) any { return i.Amount }},
		"created":  {byNumber, func(i *paymentIntent) any { return i.Created }},
		"currency": {byWord, func(i *paymentIntent) any { return i.Currency }},
		"customer": {byWord, func(i *paymentIntent) any { return string(i.Customer) }},
		"status":   {byWord, func(i *paymentIntent) any { return i.Status }},
	},
}

var searchablePrices = searchable[price]{
	metadata: func(p *price) map[string]string { return p.Metadata },
	fields: map[string]searchField[price]{
		"active":     {byWord, func(p *price) any { return p.Active }},
		"currency":   {byWord, func(p *price) any { return p.Currency }},
		"lookup_key": {byText, func(p *price) any { return string(p.LookupKey) }},
		"product":    {byWord, func(p *price) any { return p.Product }},
		"type":       {byWord, func(p *price) any { return p.Type }},
	},
}

var searchableProducts = searchable[product]{
	metadata: func(p *product) map[string]string { return p.Metadata },
	fields: map[string]searchField[product]{
		"active":      {byWord, func(p *product) any { return p.Active }},
		"description": {byText, func(p *product) any { return string(p.Description) }},
		"name":        {byText, func(p *product) any { return p.Name }},
		"shippable": {byWord, func(p *product) any {
			if p.Shippable == nil {
				return nil
			}
			return *p.Shippable
		}},
		"url": {byText, func(p *product) any { return string(p.URL) }},
	},
}

var searchableSubscriptions = searchable[subscription]{
	metadata: func(s *subscription) map[string]string { return s.Metadata },
	fields: map[string]searchField[subscription]{
		"canceled_at": {byNumber, func(s *subscription) any {
			if s.CanceledAt == 0 {
				return nil
			}
			return int64(s.CanceledAt)
		}},
		"created": {byNumber, func(s *subscription) any { return s.Created }},
		"status":  {byWord, func(s *subscription) any { return s.Status }},
	},
}

func searchCustomers(c *call) (any, error) {
	return search(c, &c.Customers, searchableCustomers, func(each *customer) bool { return !each.Hidden.Deleted })
}

func searchCharges(c *call) (any, error) { return search(c, &c.Charges, searchableCharges, nil) }

func searchInvoices(c *call) (any, error) { return search(c, &c.Invoices, searchableInvoices, nil) }

func searchIntents(c *call) (any, error) { return search(c, &c.Intents, searchableIntents, nil) }

func searchPrices(c *call) (any, error) { return search(c, &c.Prices, searchablePrices, nil) }

func searchProducts(c *call) (any, error) { return search(c, &c.Products, searchableProducts, nil) }

func searchSubscriptions(c *call) (any, error) {
	return search(c, &c.Subscriptions, searchableSubscriptions, nil)
}
