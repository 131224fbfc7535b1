# Footnote on AWS: what lies around the chart of deploy/helm/footnote. outputs.tf has what the chart wants to know.

module "blobs" {
  source        = "../modules/blobs"
  name          = var.name
  bucket        = var.bucket
  force_destroy = !var.protected
}

module "network" {
  source       = "../modules/network"
  name         = var.name
  region       = var.region
  cidr         = var.cidr
  zones        = var.zones
  nat_per_zone = var.nat_per_zone
}

module "cluster" {
  source             = "../modules/cluster"
  name               = var.name
  kubernetes_version = var.kubernetes_version
  subnet_ids         = module.network.private_subnet_ids
  endpoint_cidrs     = var.endpoint_cidrs
  kms_key_arn        = module.blobs.kms_key_arn
  administrators     = var.administrators
  pools              = var.pools
}

module "catalog" {
  source                   = "../modules/catalog"
  name                     = var.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.blobs.kms_key_arn
  instance_class           = var.catalog.instance_class
  storage_gib              = var.catalog.storage_gib
  multi_az                 = var.catalog.multi_az
  deletion_protection      = var.protected
}

# Made once by AWS, and kept in the secret below.
data "aws_secretsmanager_random_password" "this" {
  for_each            = toset(["queue", "sources", "monitoring"])
  password_length     = 48
  exclude_punctuation = true
}

module "queue" {
  source                   = "../modules/queue"
  name                     = var.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.blobs.kms_key_arn
  node_type                = var.queue.node_type
  replicas                 = var.queue.replicas
  password                 = data.aws_secretsmanager_random_password.this["queue"].random_password
}

# The environment of Footnote's pods, for External Secrets. The catalog's password lies in a secret of its own, which AWS
# rotates; the chart puts its URL together (secrets.externalSecrets.database). A language model's key is added by hand.
resource "aws_secretsmanager_secret" "this" {
  name                    = "${var.name}/environment"
  kms_key_id              = module.blobs.kms_key_arn
  recovery_window_in_days = var.protected ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string = jsonencode({
    FOOTNOTE_BROKER__URL         = "rediss://:${data.aws_secretsmanager_random_password.this["queue"].random_password}@${module.queue.address}:6379/0?ssl_cert_reqs=required"
    FOOTNOTE_SOURCES__SECRET_KEY = data.aws_secretsmanager_random_password.this["sources"].random_password
    FOOTNOTE_API__MONITORING_KEY = data.aws_secretsmanager_random_password.this["monitoring"].random_password
  })
  # Made once; people add to it.
  lifecycle { ignore_changes = [secret_string] }
}

module "access" {
  source             = "../modules/access"
  name               = var.name
  namespace          = var.namespace
  release            = var.release
  oidc_provider_arn  = module.cluster.oidc_provider_arn
  oidc_issuer        = module.cluster.oidc_issuer
  bucket_arn         = module.blobs.bucket_arn
  kms_key_arn        = module.blobs.kms_key_arn
  secret_arns        = [aws_secretsmanager_secret.this.arn, module.catalog.secret_arn]
  bedrock_models     = var.bedrock_models
  source_bucket_arns = var.source_bucket_arns
  textract           = var.textract
}

module "search" {
  source                   = "../modules/search"
  name                     = var.name
  engine_version           = var.search.engine_version
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.blobs.kms_key_arn
  role_arns                = [module.access.role_arns["worker"], module.access.role_arns["api"]]
  data_nodes               = var.search.data_nodes
  manager_nodes            = var.search.manager_nodes
}

module "edge" {
  source                 = "../modules/edge"
  name                   = var.name
  requests_per_5_minutes = var.rates.requests
  answers_per_5_minutes  = var.rates.answers
}

module "watching" {
  source              = "../modules/watching"
  name                = var.name
  emails              = var.alarm_emails
  domain_name         = module.search.domain_name
  database_identifier = module.catalog.identifier
  queue_id            = module.queue.id
  kms_key_arn         = module.blobs.kms_key_arn
  monthly_budget_usd  = var.monthly_budget_usd
}
