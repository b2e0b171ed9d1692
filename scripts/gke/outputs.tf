output "name" {
  value = var.name
}

output "location" {
  value = local.location
}

output "registry" {
  description = "what meshproof run --push takes"
  value       = google_artifact_registry_repository.images.registry_uri
}
