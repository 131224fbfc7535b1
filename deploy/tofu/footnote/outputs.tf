output "cluster_name" { value = module.cluster.name }
output "web_acl_arn" { value = module.edge.web_acl_arn }
output "role_arns" { value = module.access.role_arns }

output "helm_values" {
  description = "tofu output -raw helm_values > values.aws.yaml"
  value = yamlencode({
    settings = {
      index = { opensearch = { url = module.search.url, aws = { region = var.region } } }
      blobs = { url = "s3://${module.blobs.bucket}/blobs" }
    }
    secrets = {
      externalSecrets = {
        enabled   = true
        storeName = "aws"
        remoteKey = aws_secretsmanager_secret.this.name
        database  = { remoteKey = module.catalog.secret_arn, host = module.catalog.address, name = "footnote" }
      }
    }
    serviceAccounts = {
      for account in ["api", "worker"] :
      account => { annotations = { "eks.amazonaws.com/role-arn" = module.access.role_arns[account] } }
    }
    gpuPool         = { nodeSelector = { "footnote/pool" = "gpu" } }
    networkPolicies = { dependencies = { cidrs = [module.network.cidr], ports = [443, 5432, 6379] } }
    ingress = {
      className   = "alb"
      annotations = { "alb.ingress.kubernetes.io/wafv2-acl-arn" = module.edge.web_acl_arn }
    }
  })
}
