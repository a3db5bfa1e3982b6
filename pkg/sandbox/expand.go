package sandbox

import (
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// maxExpansion is Stripe's limit on the levels of expand[].
const maxExpansion = 4

// expand replaces ids with their objects, along the paths of expand[].
func (w *world) expand(answer map[string]any, paths []string) error {
	for _, path := range paths {
		segments := strings.Split(path, ".")
		levels := 0
		for _, segment := range segments {
			if segment != "data" {
				levels++
			}
		}
		if levels > maxExpansion {
			return invalid("expand", "You cannot expand more than 4 levels of a property. Property: %s", path)
		}
		if err := w.expandNode(answer, segments, path); err != nil {
			return err
		}
	}
	return nil
}

// expandNode follows one path from an object or list.
func (w *world) expandNode(node map[string]any, segments []string, path string) error {
	if len(segments) == 0 {
		return nil
	}
	object, _ := node["object"].(string)
	if object == "list" || object == "search_result" {
		if object == "search_result" && len(segments) == 1 && segments[0] == "total_count" {
			return nil // the search has already counted
		}
		if segments[0] != "data" {
			return invalid(
				"expand", "This property cannot be expanded (%s). You may want to try expanding 'data.%s' instead.",
				path, path,
			)
		}
		items, _ := node["data"].([]any)
		for _, item := range items {
			if err := w.expandNode(asMap(item), segments[1:], path); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 1; i <= len(segments); i++ {
		if name := strings.Join(segments[:i], "."); spec.Expandable(object, name) {
			return w.expandField(node, segments[:i], segments[i:], path)
		}
	}
	if child := asMap(node[segments[0]]); child["object"] != nil && len(segments) > 1 {
		return w.expandNode(child, segments[1:], path) // an object or list that is always present: items, price
	}
	return invalid("expand", "This property cannot be expanded (%s).", path)
}

// expandField expands one field, which may be in a nested hash, and then the rest of the path.
func (w *world) expandField(node map[string]any, field, rest []string, path string) error {
	holders := []any{node}
	for _, name := range field[:len(field)-1] {
		holders = under(holders, name) // none if the hash that would hold the field is null
	}
	name := field[len(field)-1]
	for _, each := range holders {
		holder := asMap(each)
		if holder == nil {
			continue
		}
		if holder[name] == nil {
			if part := w.include(node, name); part != nil {
				holder[name] = part
			}
		}
		if ids, isList := holder[name].([]any); isList {
			for i, id := range ids {
				ids[i] = w.expanded(id, name)
			}
		} else if holder[name] != nil {
			holder[name] = w.expanded(holder[name], name)
		}
		for _, next := range under([]any{holder}, name) {
			if next := asMap(next); next != nil {
				if err := w.expandNode(next, rest, path); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// under returns the values of a name in the holders. It lists the members of a list one by one.
func under(holders []any, name string) []any {
	var found []any
	for _, holder := range holders {
		if items, isList := asMap(holder)[name].([]any); isList {
			found = append(found, items...)
		} else {
			found = append(found, asMap(holder)[name])
		}
	}
	return found
}

// expanded returns the object that a value is the id of. Any other value it returns as it is.
func (w *world) expanded(value any, name string) any {
	if id, isID := value.(string); isID {
		if method := w.PaymentMethods.get(id); method != nil && name == "default_source" {
			return render(method.card())
		}
		if found := w.find(id); found != nil {
			return w.show(found)
		}
	}
	return value
}

// include returns a list or part that an object carries only when a request expands it. It returns nil if the object
// has no such part.
func (w *world) include(node map[string]any, name string) any {
	id, _ := node["id"].(string)
	switch node["object"].(string) + "." + name {
	case "checkout.session.line_items":
		return wholeList(w.Sessions.get(id).Hidden.Items, "/v1/checkout/sessions/"+id+"/line_items")
	case "checkout.session.breakdown":
		return w.Sessions.get(id).breakdown()
	case "item.discounts":
		return w.lineDiscounts(id)
	case "coupon.applies_to":
		if found := w.Coupons.get(id); found != nil && len(found.Hidden.Products) > 0 {
			return map[string]any{"products": found.Hidden.Products}
		}
	case "charge.refunds":
		refunds := w.Refunds.where(func(r *refund) bool { return string(r.Charge) == id })
		return wholeList(newestFirst(refunds), "/v1/charges/"+id+"/refunds")
	case "customer.subscriptions":
		live := w.Subscriptions.among(id, func(s *subscription) bool { return s.Status != "canceled" })
		return wholeList(newestFirst(live), "/v1/customers/"+id+"/subscriptions")
	case "customer.sources":
		return wholeList(w.sources(id), "/v1/customers/"+id+"/sources")
	case "customer.tax_ids":
		return wholeList(newestFirst(w.taxIDsOf(id)), "/v1/customers/"+id+"/tax_ids")
	case "price.currency_options":
		if found := w.Prices.get(id); found != nil { // a price made for a single purchase is not stored
			return found.currencyOptions()
		}
	case "billing_portal.configuration.products":
		if products := w.PortalConfigs.get(id).Hidden.Products; products != nil {
			return products
		}
	case "customer.cash_balance":
		return render(w.cashBalanceOf(id))
	}
	return nil
}

// show renders an object. Of a deleted customer it renders only what is left.
func (w *world) show(v any) map[string]any {
	if c, ok := v.(*customer); ok && c.Hidden.Deleted {
		return deleted("customer", c.ID)
	}
	return render(v)
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
