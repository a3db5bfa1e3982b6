package api

//go:generate go -C ../tools tool oapi-codegen -config ../api/oapi-codegen.yaml ../openapi.yaml
//go:generate cp ../openapi.yaml openapi.gen.yaml
