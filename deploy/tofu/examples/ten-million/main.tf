# Ten million documents, 200 million passages. What the index needs depends above all on how its vectors are kept
# (docs/scale.md): this domain is for vectors of 1,024 dimensions on disk, compressed 32 times. Let `footnote plan` say
# what yours needs before you apply it.
variable "name" {
  type    = string
  default = "footnote"
}
variable "bucket" { type = string }
variable "administrators" { type = list(string) }
variable "endpoint_cidrs" {
  type    = list(string)
  default = []
}
variable "bedrock_models" {
  type    = list(string)
  default = []
}
variable "source_bucket_arns" {
  type    = list(string)
  default = []
}
variable "alarm_emails" { type = list(string) }

module "footnote" {
  source         = "../../footnote"
  name           = var.name
  region         = var.region
  zones          = ["${var.region}a", "${var.region}b", "${var.region}c"]
  nat_per_zone   = true
  bucket         = var.bucket
  administrators = var.administrators
  endpoint_cidrs = var.endpoint_cidrs

  pools = {
    general = { instance_types = ["m7i.2xlarge"], capacity_type = "ON_DEMAND", ami_type = "AL2023_x86_64_STANDARD", min = 3, max = 9, desired = 3, disk_gib = 100, gpu = false }
    workers = { instance_types = ["c7i.4xlarge", "c6i.4xlarge", "c6a.4xlarge"], capacity_type = "SPOT", ami_type = "AL2023_x86_64_STANDARD", min = 0, max = 20, desired = 1, disk_gib = 100, gpu = false }
    gpu     = { instance_types = ["g6.2xlarge", "g5.2xlarge"], capacity_type = "SPOT", ami_type = "AL2023_x86_64_NVIDIA", min = 0, max = 8, desired = 0, disk_gib = 200, gpu = true }
  }
  search = {
    data_nodes    = { type = "r6g.4xlarge.search", count = 6, disk_gib = 3000, iops = 9000, throughput = 593 }
    manager_nodes = { type = "m6g.large.search", count = 3 }
  }
  catalog            = { instance_class = "db.r6g.2xlarge", storage_gib = 500, multi_az = true }
  queue              = { node_type = "cache.r7g.large", replicas = 1 }
  bedrock_models     = var.bedrock_models
  source_bucket_arns = var.source_bucket_arns
  alarm_emails       = var.alarm_emails
  monthly_budget_usd = 15000
}

output "helm_values" { value = module.footnote.helm_values }
output "cluster_name" { value = module.footnote.cluster_name }
output "role_arns" { value = module.footnote.role_arns }
