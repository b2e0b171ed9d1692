variable "project" {
  description = "ID of the Google Cloud project that pays"
  type        = string
}

variable "region" {
  description = "region of the network, of the registry, and of an Autopilot cluster"
  type        = string
  default     = "europe-west4"
}

variable "zone" {
  description = "letter of the zone of a Standard cluster: a cluster in one zone is the cheapest, and most regions have a zone b"
  type        = string
  default     = "b"
}

variable "name" {
  description = "name of all that is created here"
  type        = string
  default     = "meshproof"
}

variable "autopilot" {
  description = "true makes an Autopilot cluster, which refuses privileged pods; false a Standard one"
  type        = bool
  default     = false
}

variable "nodes" {
  description = "number of nodes of a Standard cluster"
  type        = number
  default     = 3
}

variable "machine_type" {
  description = "machine type of a Standard cluster's nodes"
  type        = string
  default     = "e2-standard-2"
}

variable "release_channel" {
  description = "GKE's release channel, which decides the version of Kubernetes: RAPID, REGULAR or STABLE"
  type        = string
  default     = "REGULAR"
}
