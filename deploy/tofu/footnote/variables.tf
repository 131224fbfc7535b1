variable "name" {
  description = "Names everything, and its tag footnote: 3 to 28 small letters, digits and hyphens."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 28 small letters, digits and hyphens, and begin with a letter: an OpenSearch domain takes no others."
  }
}
variable "region" { type = string }
variable "zones" {
  description = "Availability zones, two or three."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3
    error_message = "zones must name two or three availability zones: the load balancer and EKS need two."
  }
}
variable "cidr" {
  type    = string
  default = "10.40.0.0/16"
}
variable "nat_per_zone" {
  description = "A way out for each zone, instead of one that all depend on."
  type        = bool
  default     = false
}
variable "bucket" {
  description = "The name of the bucket of originals and texts; unique among all of AWS."
  type        = string
}
variable "kubernetes_version" {
  type    = string
  default = "1.33"
}
variable "endpoint_cidrs" {
  description = "Networks from which the cluster's API is reached; none: from inside the VPC only."
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.endpoint_cidrs, "0.0.0.0/0")
    error_message = "endpoint_cidrs must not be the whole Internet: name your offices' or your VPN's networks."
  }
}
variable "administrators" {
  description = "ARNs of roles that administer the cluster."
  type        = list(string)
  default     = []
}
variable "pools" {
  description = "Node groups: general always runs; workers are spot; gpu scales from zero."
  type = map(object({
    instance_types = list(string)
    capacity_type  = string
    ami_type       = string
    min            = number
    max            = number
    desired        = number
    disk_gib       = number
    gpu            = bool
  }))
  validation {
    condition     = contains(keys(var.pools), "general")
    error_message = "pools must have one named general, which is always there."
  }
  validation {
    condition     = alltrue([for pool in values(var.pools) : pool.min <= pool.desired && pool.desired <= pool.max])
    error_message = "Of every pool, min <= desired <= max."
  }
  validation {
    condition     = alltrue([for pool in values(var.pools) : !pool.gpu || strcontains(pool.ami_type, "NVIDIA")])
    error_message = "A pool with gpu = true needs an ami_type with NVIDIA's driver, as AL2023_x86_64_NVIDIA."
  }
}
variable "search" {
  description = "The OpenSearch domain; `footnote plan` says what a number of documents needs."
  type = object({
    engine_version = optional(string, "OpenSearch_2.19")
    data_nodes     = object({ type = string, count = number, disk_gib = number, iops = number, throughput = number })
    manager_nodes  = object({ type = string, count = number })
  })
  validation {
    condition     = contains([0, 3], var.search.manager_nodes.count)
    error_message = "search.manager_nodes.count must be 3, or 0 to do without: two can't agree when one is lost."
  }
  validation {
    condition     = !startswith(var.search.data_nodes.type, "t") || var.search.data_nodes.count < 10
    error_message = "search.data_nodes.type: burstable nodes (t3) make no domain of ten nodes or more; take r6g or larger."
  }
}
variable "catalog" {
  type = object({ instance_class = string, storage_gib = number, multi_az = bool })
}
variable "queue" {
  type = object({ node_type = string, replicas = number })
}
variable "bedrock_models" {
  description = "ARNs of models and inference profiles of Bedrock that Footnote may invoke."
  type        = list(string)
  default     = []
}
variable "source_bucket_arns" {
  description = "Buckets that sources read."
  type        = list(string)
  default     = []
}
variable "textract" {
  type    = bool
  default = false
}
variable "namespace" {
  type    = string
  default = "footnote"
}
variable "release" {
  type    = string
  default = "footnote"
}
variable "rates" {
  description = "Requests from one address within five minutes, before it is refused."
  type        = object({ requests = number, answers = number })
  default     = { requests = 3000, answers = 300 }
}
variable "alarm_emails" {
  type    = list(string)
  default = []
}
variable "monthly_budget_usd" { type = number }
variable "protected" {
  description = "Keep the database and the bucket from being destroyed."
  type        = bool
  default     = true
}
