package api

import "context"

// GetCatalog returns what is for sale, which excludes retired items, and what points are spent on.
func (s *server) GetCatalog(context.Context, GetCatalogRequestObject) (GetCatalogResponseObject, error) {
	sold := s.catalog.ForSale()
	return GetCatalog200JSONResponse{
		Plans: each(sold.Plans, toAPIPlan), Packs: each(sold.Packs, toAPIPack),
		Actions: each(sold.Actions, toAPIAction), ActionsOnly: sold.ActionsOnly,
	}, nil
}
