# A GKE cluster for one conformance run, with a registry for its images and a service account that may only pull them.
# All of it has the label made-by=meshproof or the name in var.name, by which scripts/gke/gke.sh looks for what is left.
# docs/gke.md says what it costs. attributes.json lists each attribute that is used here.

terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # gke.sh gives the path: below the user's cache directory, where make clean-cache does not remove it.
  backend "local" {}
}

# Credentials are application default credentials (gcloud auth application-default login), never a file here.
provider "google" {
  project = var.project
  region  = var.region
}

locals {
  location = var.autopilot ? var.region : "${var.region}-${var.zone}"
  labels   = { made-by = "meshproof" }
}

resource "google_project_service" "apis" {
  for_each = toset(["artifactregistry.googleapis.com", "compute.googleapis.com", "container.googleapis.com", "iam.googleapis.com"])

  service            = each.value
  disable_on_destroy = false # the project may have used it before
}

resource "google_compute_network" "network" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.apis]
}

resource "google_compute_subnetwork" "nodes" {
  name          = var.name
  network       = google_compute_network.network.id
  region        = var.region
  ip_cidr_range = "10.0.0.0/20"

  # The cluster is VPC-native: pods and Services have addresses of these ranges.
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.4.0.0/16"
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.8.0.0/20"
  }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  labels        = local.labels

  depends_on = [google_project_service.apis]
}

resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  display_name = "nodes of the cluster ${var.name}"

  depends_on = [google_project_service.apis]
}

# What GKE's documentation names as the least that nodes need: to write logs and metrics.
resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# So nodes pull from this registry, and from no other of the project, without a pull secret.
resource "google_artifact_registry_repository_iam_member" "nodes" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

resource "google_container_cluster" "standard" {
  count = var.autopilot ? 0 : 1

  name                = var.name
  location            = local.location
  network             = google_compute_network.network.id
  subnetwork          = google_compute_subnetwork.nodes.id
  resource_labels     = local.labels
  deletion_protection = false

  # Dataplane V2 enforces NetworkPolicies, as on Autopilot.
  datapath_provider = "ADVANCED_DATAPATH"

  release_channel {
    channel = var.release_channel
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  # The nodes are the cluster's first node pool. A pool of its own could be changed without making the cluster anew, but then
  # GKE first makes a pool with the project's default service account and removes it again, which takes minutes.
  initial_node_count = var.nodes

  node_config {
    machine_type    = var.machine_type
    disk_type       = "pd-balanced"
    disk_size_gb    = 30
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"] # what the nodes may do is decided by the roles above
    resource_labels = local.labels
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.nodes,
    google_project_iam_member.nodes,
  ]
}

resource "google_container_cluster" "autopilot" {
  count = var.autopilot ? 1 : 0

  name                = var.name
  location            = local.location
  network             = google_compute_network.network.id
  subnetwork          = google_compute_subnetwork.nodes.id
  resource_labels     = local.labels
  deletion_protection = false
  enable_autopilot    = true

  release_channel {
    channel = var.release_channel
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes.email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.nodes,
    google_project_iam_member.nodes,
  ]
}
