# Valkey for the task queue and the answer cache, with TLS and a password. Nothing in it may be evicted.
variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_security_group_id" { type = string }
variable "kms_key_arn" { type = string }
variable "node_type" { type = string }
variable "replicas" { type = number }
variable "password" {
  type      = string
  sensitive = true
}

resource "aws_elasticache_subnet_group" "this" {
  name       = "${var.name}-queue"
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-queue-"
  description = "Valkey of ${var.name}"
  vpc_id      = var.vpc_id
  ingress {
    description     = "Valkey from the cluster's nodes"
    from_port       = 6379
    to_port         = 6379
    protocol        = "tcp"
    security_groups = [var.client_security_group_id]
  }
  lifecycle { create_before_destroy = true }
}

resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-queue"
  family = "valkey8"
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = "${var.name}-queue"
  description                = "Task queue and answer cache of ${var.name}"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.node_type
  num_cache_clusters         = 1 + var.replicas
  automatic_failover_enabled = var.replicas > 0
  multi_az_enabled           = var.replicas > 0
  port                       = 6379
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  auth_token                 = var.password
  snapshot_retention_limit   = 3
  # Made once; to change it, set it here and in the secret.
  lifecycle { ignore_changes = [auth_token] }
}

output "address" { value = aws_elasticache_replication_group.this.primary_endpoint_address }
output "id" { value = aws_elasticache_replication_group.this.id }
