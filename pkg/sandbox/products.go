package sandbox

import "github.com/pointsync/pointsync/pkg/sandbox/spec"

type product struct {
	base
	Active              bool              `json:"active"`
	DefaultPrice        text              `json:"default_price"`
	Description         text              `json:"description"`
	Features            []feature         `json:"features"`
	Images              []string          `json:"images"`
	Metadata            map[string]string `json:"metadata"`
	Name                string            `json:"name"`
	PackageDimensions   any               `json:"package_dimensions"`
	Shippable           *bool             `json:"shippable"`
	StatementDescriptor text              `json:"statement_descriptor"`
	TaxCode             text              `json:"tax_code"`
	UnitLabel           text              `json:"unit_label"`
	Updated             int64             `json:"updated"`
	URL                 text              `json:"url"`
}

type feature struct {
	Name string `json:"name"`
}

func (w *world) newProduct(name string) *product {
	made := &product{
		base:     w.begin("prod_", "product"),
		Active:   true,
		Features: []feature{},
		Images:   []string{},
		Name:     name,
		Metadata: map[string]string{},
	}
	made.ID = newID("prod_", 14)
	made.Updated = made.Created
	return made
}

func createProduct(c *call) (any, error) {
	made := c.newProduct(c.p.Text("name"))
	if id := c.p.Text("id"); id != "" {
		if c.Products.get(id) != nil {
			return nil, coded("resource_already_exists", "id", "Product already exists.")
		}
		made.ID = id
	}
	if err := c.fillProduct(made); err != nil {
		return nil, err
	}
	var first *price
	if c.p.Has("default_price_data") {
		var err error
		if first, err = c.inlinePrice(c.p.Sub("default_price_data"), "default_price_data", made.ID); err != nil {
			return nil, err
		}
		made.DefaultPrice = text(first.ID)
	}
	c.Products.add(made)
	c.emit("product.created", made)
	if first != nil {
		c.Prices.add(first)
		c.emit("price.created", first)
	}
	return made, nil
}

func updateProduct(c *call) (any, error) {
	found := c.Products.get(c.id)
	if found == nil {
		return nil, noSuch("product", c.id, "id")
	}
	trial := *found
	if err := c.fillProduct(&trial); err != nil {
		return nil, err
	}
	trial.Updated = c.now()
	c.change("product.updated", found, func() { *found = trial })
	return found, nil
}

func (c *call) fillProduct(into *product) error {
	p := c.p
	if id := p.Text("default_price"); id != "" {
		if found := c.Prices.get(id); found == nil || found.Product != into.ID {
			return noSuch("price", id, "default_price")
		}
	}
	for name, field := range map[string]*text{
		"default_price":        &into.DefaultPrice,
		"description":          &into.Description,
		"statement_descriptor": &into.StatementDescriptor,
		"tax_code":             &into.TaxCode,
		"unit_label":           &into.UnitLabel,
		"url":                  &into.URL,
	} {
		setText(field, p, name)
	}
	if p.Has("active") {
		into.Active = p.Flag("active")
	}
	if name := p.Text("name"); name != "" {
		into.Name = name
	}
	if p.Has("images") {
		into.Images = p.Texts("images")
	}
	if p.Has("features") {
		into.Features = []feature{}
		for _, each := range p.List("features") {
			into.Features = append(into.Features, feature{each.Text("name")})
		}
	}
	if p.Has("shippable") {
		shippable := p.Flag("shippable")
		into.Shippable = &shippable
	}
	if p.Has("package_dimensions") {
		into.PackageDimensions = orNull(p.Sub("package_dimensions"))
	}
	into.Metadata = mergedMetadata(into.Metadata, p)
	return nil
}

func orNull(p spec.Params) any {
	if len(p) == 0 {
		return nil
	}
	return p
}

func getProduct(c *call) (any, error) {
	if found := c.Products.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("product", c.id, "id")
}

func listProducts(c *call) (any, error) {
	ids := setOf(c.p.Texts("ids"))
	return list(c, &c.Products, "product", func(each *product) bool {
		return (!c.p.Has("active") || each.Active == c.p.Flag("active")) && (len(ids) == 0 || ids[each.ID]) &&
			(!c.p.Has("url") || string(each.URL) == c.p.Text("url")) &&
			(!c.p.Has("shippable") || each.Shippable != nil && *each.Shippable == c.p.Flag("shippable"))
	})
}

func deleteProduct(c *call) (any, error) {
	found := c.Products.get(c.id)
	if found == nil {
		return nil, noSuch("product", c.id, "id")
	}
	if len(c.Prices.where(func(each *price) bool { return each.Product == c.id })) > 0 {
		return nil, invalid("id", "This product cannot be deleted because it has one or more user-created prices.")
	}
	c.emit("product.deleted", found)
	c.Products.remove(c.id)
	return deleted("product", c.id), nil
}

func setOf(words []string) map[string]bool {
	set := map[string]bool{}
	for _, word := range words {
		set[word] = true
	}
	return set
}
