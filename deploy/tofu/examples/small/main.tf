# A team of a hundred: some 100,000 documents of a few pages. One OpenSearch node, one database, embedding on CPUs.
# It can be lost and built anew; for something that must not be lost see ../ten-million.
variable "name" {
  type    = string
  default = "footnote-small"
}
variable "bucket" { type = string }
variable "alarm_emails" {
  type    = list(string)
  default = []
}

module "footnote" {
  source    = "../../footnote"
  name      = var.name
  region    = var.region
  zones     = ["${var.region}a", "${var.region}b"]
  bucket    = var.bucket
  protected = false

  pools = {
    general = { instance_types = ["m7i.large"], capacity_type = "ON_DEMAND", ami_type = "AL2023_x86_64_STANDARD", min = 2, max = 4, desired = 2, disk_gib = 60, gpu = false }
    workers = { instance_types = ["m7i.xlarge", "m6i.xlarge", "m6a.xlarge"], capacity_type = "SPOT", ami_type = "AL2023_x86_64_STANDARD", min = 0, max = 4, desired = 1, disk_gib = 60, gpu = false }
  }
  search = {
    data_nodes    = { type = "r6g.large.search", count = 1, disk_gib = 100, iops = 3000, throughput = 125 }
    manager_nodes = { type = "m6g.large.search", count = 0 }
  }
  catalog            = { instance_class = "db.t4g.medium", storage_gib = 30, multi_az = false }
  queue              = { node_type = "cache.t4g.small", replicas = 0 }
  alarm_emails       = var.alarm_emails
  monthly_budget_usd = 900
}

output "helm_values" { value = module.footnote.helm_values }
output "cluster_name" { value = module.footnote.cluster_name }
output "role_arns" { value = module.footnote.role_arns }
