# The OpenSearch domain, in private subnets, encrypted everywhere, with its own logs.
variable "name" { type = string }
variable "engine_version" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_security_group_id" { type = string }
variable "kms_key_arn" { type = string }
variable "role_arns" { type = list(string) }
variable "data_nodes" {
  type = object({ type = string, count = number, disk_gib = number, iops = number, throughput = number })
  validation {
    condition     = var.data_nodes.count >= 1 && var.data_nodes.disk_gib >= 10
    error_message = "data_nodes.count must be 1 or more, and data_nodes.disk_gib 10 or more."
  }
}
variable "manager_nodes" { type = object({ type = string, count = number }) }

locals {
  zones = min(length(var.subnet_ids), var.data_nodes.count, 3)
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-search-"
  description = "The OpenSearch domain of ${var.name}"
  vpc_id      = var.vpc_id
  ingress {
    description     = "HTTPS from the cluster's nodes"
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    security_groups = [var.client_security_group_id]
  }
  lifecycle { create_before_destroy = true }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(["INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS", "ES_APPLICATION_LOGS", "AUDIT_LOGS"])
  name              = "/aws/opensearch/${var.name}/${lower(each.value)}"
  retention_in_days = 30
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_resource_policy" "this" {
  policy_name = "${var.name}-opensearch"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "es.amazonaws.com" }
      Action    = ["logs:PutLogEvents", "logs:CreateLogStream"]
      Resource  = "arn:${data.aws_partition.this.partition}:logs:*:*:log-group:/aws/opensearch/${var.name}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_opensearch_domain" "this" {
  domain_name    = var.name
  engine_version = var.engine_version
  cluster_config {
    instance_type            = var.data_nodes.type
    instance_count           = var.data_nodes.count
    dedicated_master_enabled = var.manager_nodes.count > 0
    dedicated_master_type    = var.manager_nodes.count > 0 ? var.manager_nodes.type : null
    dedicated_master_count   = var.manager_nodes.count > 0 ? var.manager_nodes.count : null
    zone_awareness_enabled   = local.zones > 1
    dynamic "zone_awareness_config" {
      for_each = local.zones > 1 ? [1] : []
      content { availability_zone_count = local.zones }
    }
  }
  ebs_options {
    ebs_enabled = true
    volume_type = "gp3"
    volume_size = var.data_nodes.disk_gib
    iops        = var.data_nodes.iops
    throughput  = var.data_nodes.throughput
  }
  vpc_options {
    subnet_ids         = slice(var.subnet_ids, 0, local.zones)
    security_group_ids = [aws_security_group.this.id]
  }
  encrypt_at_rest {
    enabled    = true
    kms_key_id = var.kms_key_arn
  }
  node_to_node_encryption { enabled = true }
  domain_endpoint_options {
    enforce_https       = true
    tls_security_policy = "Policy-Min-TLS-1-2-PFS-2023-10"
  }
  advanced_security_options {
    enabled = true
    master_user_options { master_user_arn = var.role_arns[0] }
  }
  # No name can be deleted by a pattern: what Footnote drops it drops by name.
  advanced_options = { "rest.action.multi.allow_explicit_index" = "true" }
  dynamic "log_publishing_options" {
    for_each = aws_cloudwatch_log_group.this
    content {
      log_type                 = log_publishing_options.key
      cloudwatch_log_group_arn = log_publishing_options.value.arn
    }
  }
  depends_on = [aws_cloudwatch_log_resource_policy.this]
}

resource "aws_opensearch_domain_policy" "this" {
  domain_name = aws_opensearch_domain.this.domain_name
  access_policies = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = var.role_arns }
      Action    = ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete"]
      Resource  = "${aws_opensearch_domain.this.arn}/*"
    }]
  })
}

output "url" { value = "https://${aws_opensearch_domain.this.endpoint}" }
output "arn" { value = aws_opensearch_domain.this.arn }
output "domain_name" { value = aws_opensearch_domain.this.domain_name }
