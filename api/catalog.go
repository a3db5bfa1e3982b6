package api

import "context"

// GetCatalog answers what is for sale.
func (s *server) GetCatalog(context.Context, GetCatalogRequestObject) (GetCatalogResponseObject, error) {
	return GetCatalog200JSONResponse{Plans: each(s.catalog.Plans, toAPIPlan), Packs: each(s.catalog.Packs, toAPIPack)}, nil
}
