package sandbox

import (
	"fmt"
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// portalConfiguration decides what a billing portal offers.
type portalConfiguration struct {
	base
	Active           bool              `json:"active"`
	BusinessProfile  portalBusiness    `json:"business_profile"`
	DefaultReturnURL text              `json:"default_return_url"`
	Features         portalFeatures    `json:"features"`
	IsDefault        bool              `json:"is_default"`
	LoginPage        portalLogin       `json:"login_page"`
	Metadata         map[string]string `json:"metadata"`
	Updated          int64             `json:"updated"`
	Hidden           struct {
		Products []portalProduct // what a plan may change to; empty means all; shown when expanded
	} `json:"_sandbox"`
}

type portalBusiness struct {
	Headline          text `json:"headline"`
	PrivacyPolicyURL  text `json:"privacy_policy_url"`
	TermsOfServiceURL text `json:"terms_of_service_url"`
}

type portalLogin struct {
	Enabled bool `json:"enabled"`
	URL     text `json:"url"`
}

type portalFeatures struct {
	CustomerUpdate struct {
		AllowedUpdates []string `json:"allowed_updates"`
		Enabled        bool     `json:"enabled"`
	} `json:"customer_update"`
	InvoiceHistory      portalSwitch `json:"invoice_history"`
	PaymentMethodUpdate portalSwitch `json:"payment_method_update"`
	SubscriptionCancel  struct {
		CancellationReason struct {
			Enabled bool     `json:"enabled"`
			Options []string `json:"options"`
		} `json:"cancellation_reason"`
		Enabled           bool   `json:"enabled"`
		Mode              string `json:"mode"`
		ProrationBehavior string `json:"proration_behavior"`
	} `json:"subscription_cancel"`
	SubscriptionPause  portalSwitch `json:"subscription_pause"`
	SubscriptionUpdate struct {
		DefaultAllowedUpdates []string `json:"default_allowed_updates"`
		Enabled               bool     `json:"enabled"`
		ProrationBehavior     string   `json:"proration_behavior"`
	} `json:"subscription_update"`
}

type portalSwitch struct {
	Enabled bool `json:"enabled"`
}

type portalProduct struct {
	Prices  []string `json:"prices"`
	Product string   `json:"product"`
}

const maxPortalProducts = 10

// ensurePortalConfiguration makes the default configuration that every account has. It offers everything.
func (w *world) ensurePortalConfiguration() {
	if len(w.PortalConfigs.ids) > 0 {
		return
	}
	made := w.newPortalConfiguration()
	made.IsDefault = true
	f := &made.Features
	f.InvoiceHistory.Enabled, f.PaymentMethodUpdate.Enabled, f.SubscriptionCancel.Enabled, f.SubscriptionUpdate.Enabled = true, true, true, true
	f.SubscriptionUpdate.DefaultAllowedUpdates, f.SubscriptionUpdate.ProrationBehavior = []string{"price"}, "always_invoice"
	w.PortalConfigs.add(made)
}

// newPortalConfiguration returns a configuration that offers nothing. It is not in the table yet.
func (w *world) newPortalConfiguration() *portalConfiguration {
	made := &portalConfiguration{
		base: w.begin("bpc_1", "billing_portal.configuration"), Active: true, Metadata: map[string]string{},
	}
	made.Updated = made.Created
	f := &made.Features
	f.CustomerUpdate.AllowedUpdates = []string{}
	f.SubscriptionCancel.CancellationReason.Options = []string{}
	f.SubscriptionCancel.Mode, f.SubscriptionCancel.ProrationBehavior = "at_period_end", "none"
	f.SubscriptionUpdate.DefaultAllowedUpdates, f.SubscriptionUpdate.ProrationBehavior = []string{}, "none"
	return made
}

func createPortalConfiguration(c *call) (any, error) {
	made := c.newPortalConfiguration()
	if err := c.fillPortal(made); err != nil {
		return nil, err
	}
	c.PortalConfigs.add(made)
	c.emit("billing_portal.configuration.created", made)
	return made, nil
}

func updatePortalConfiguration(c *call) (any, error) {
	found, err := c.portalConfiguration()
	if err != nil {
		return nil, err
	}
	trial := *found
	if err := c.fillPortal(&trial); err != nil {
		return nil, err
	}
	if trial.IsDefault && !trial.Active {
		return nil, invalid("active", "You cannot deactivate your default configuration.")
	}
	trial.Updated = c.now()
	c.change("billing_portal.configuration.updated", found, func() { *found = trial })
	return found, nil
}

// fillPortal sets what the request contains, or returns why it cannot.
func (c *call) fillPortal(into *portalConfiguration) error {
	p, business := c.p, c.p.Sub("business_profile")
	for _, each := range []struct{ param, address string }{
		{"default_return_url", p.Text("default_return_url")},
		{"business_profile[privacy_policy_url]", business.Text("privacy_policy_url")},
		{"business_profile[terms_of_service_url]", business.Text("terms_of_service_url")},
	} {
		if each.address != "" && !absolute(each.address) {
			return coded("url_invalid", each.param, "Not a valid URL")
		}
	}
	if p.Has("active") {
		into.Active = p.Flag("active")
	}
	setText(&into.DefaultReturnURL, p, "default_return_url")
	setText(&into.BusinessProfile.Headline, business, "headline")
	setText(&into.BusinessProfile.PrivacyPolicyURL, business, "privacy_policy_url")
	setText(&into.BusinessProfile.TermsOfServiceURL, business, "terms_of_service_url")
	if p.Sub("login_page").Has("enabled") {
		into.LoginPage = portalLogin{Enabled: p.Sub("login_page").Flag("enabled")}
		if into.LoginPage.Enabled {
			into.LoginPage.URL = text(c.host + "/p/login/" + into.ID)
		}
	}
	into.Metadata = mergedMetadata(into.Metadata, p)
	return c.fillFeatures(into, p.Sub("features"))
}

func (c *call) fillFeatures(into *portalConfiguration, p spec.Params) error {
	f := &into.Features
	if p.Sub("subscription_pause").Flag("enabled") {
		return invalid(
			"features[subscription_pause][enabled]", "The sandbox's portal does not pause subscriptions: leave it out.",
		)
	}
	setFlag(&f.InvoiceHistory.Enabled, p.Sub("invoice_history"), "enabled")
	setFlag(&f.PaymentMethodUpdate.Enabled, p.Sub("payment_method_update"), "enabled")

	holder := p.Sub("customer_update")
	setFlag(&f.CustomerUpdate.Enabled, holder, "enabled")
	setTexts(&f.CustomerUpdate.AllowedUpdates, holder, "allowed_updates")

	cancel := p.Sub("subscription_cancel")
	setFlag(&f.SubscriptionCancel.Enabled, cancel, "enabled")
	setWord(&f.SubscriptionCancel.Mode, cancel, "mode")
	setWord(&f.SubscriptionCancel.ProrationBehavior, cancel, "proration_behavior")
	setFlag(&f.SubscriptionCancel.CancellationReason.Enabled, cancel.Sub("cancellation_reason"), "enabled")
	setTexts(&f.SubscriptionCancel.CancellationReason.Options, cancel.Sub("cancellation_reason"), "options")

	change := p.Sub("subscription_update")
	setFlag(&f.SubscriptionUpdate.Enabled, change, "enabled")
	setTexts(&f.SubscriptionUpdate.DefaultAllowedUpdates, change, "default_allowed_updates")
	setWord(&f.SubscriptionUpdate.ProrationBehavior, change, "proration_behavior")
	if !change.Has("products") {
		return nil
	}
	products, err := c.portalProducts(change.List("products"))
	into.Hidden.Products = products
	return err
}

// portalProducts checks the plans that a portal offers. Each must be a recurring price of the product that it is listed
// under.
func (c *call) portalProducts(given []spec.Params) ([]portalProduct, error) {
	const param = "features[subscription_update][products]"
	if len(given) > maxPortalProducts {
		return nil, invalid(param, "A portal offers at most %d products.", maxPortalProducts)
	}
	var out []portalProduct
	for i, each := range given {
		at := fmt.Sprintf("%s[%d]", param, i)
		if c.Products.get(each.Text("product")) == nil {
			return nil, noSuch("product", each.Text("product"), at+"[product]")
		}
		for j, id := range each.Texts("prices") {
			found := c.Prices.get(id)
			switch where := fmt.Sprintf("%s[prices][%d]", at, j); {
			case found == nil:
				return nil, noSuch("price", id, where)
			case found.Recurring == nil || found.Product != each.Text("product"):
				return nil, invalid(
					where, "The price %s is not a recurring price of the product %s.", id, each.Text("product"),
				)
			}
		}
		out = append(out, portalProduct{Prices: each.Texts("prices"), Product: each.Text("product")})
	}
	return out, nil
}

// offers reports whether a portal lets a customer change to a price.
func (f *portalConfiguration) offers(p *price) bool {
	if !f.Features.SubscriptionUpdate.Enabled || !slices.Contains(
		f.Features.SubscriptionUpdate.DefaultAllowedUpdates, "price",
	) || !p.Active || p.Recurring == nil {
		return false
	}
	return len(f.Hidden.Products) == 0 || slices.ContainsFunc(f.Hidden.Products, func(each portalProduct) bool {
		return each.Product == p.Product && slices.Contains(each.Prices, p.ID)
	})
}

func (c *call) portalConfiguration() (*portalConfiguration, error) {
	if found := c.PortalConfigs.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("configuration", c.id, "id")
}

func getPortalConfiguration(c *call) (any, error) { return c.portalConfiguration() }

func listPortalConfigurations(c *call) (any, error) {
	return list(c, &c.PortalConfigs, "configuration", func(f *portalConfiguration) bool {
		return (!c.p.Has("active") || f.Active == c.p.Flag("active")) &&
			(!c.p.Has("is_default") || f.IsDefault == c.p.Flag("is_default"))
	})
}

func setFlag(field *bool, p spec.Params, name string) {
	if p.Has(name) {
		*field = p.Flag(name)
	}
}

func setWord(field *string, p spec.Params, name string) {
	if value := p.Text(name); value != "" {
		*field = value
	}
}

func setTexts(field *[]string, p spec.Params, name string) {
	if p.Has(name) {
		*field = p.Texts(name)
	}
}
