# Who may do what: roles for service accounts (IRSA), and the secret that both get.
variable "name" { type = string }
variable "namespace" { type = string }
variable "release" { type = string }
variable "oidc_provider_arn" { type = string }
variable "oidc_issuer" { type = string }
variable "bucket_arn" { type = string }
variable "kms_key_arn" { type = string }
variable "bedrock_models" { type = list(string) }
variable "source_bucket_arns" { type = list(string) }
variable "textract" { type = bool }
variable "secret_arns" { type = list(string) }

locals {
  accounts = toset(["api", "worker", "external-secrets"])
  subjects = {
    api              = "system:serviceaccount:${var.namespace}:${var.release}-api"
    worker           = "system:serviceaccount:${var.namespace}:${var.release}-worker"
    external-secrets = "system:serviceaccount:external-secrets:external-secrets"
  }
  bedrock = length(var.bedrock_models) == 0 ? [] : [{
    Sid      = "Models"
    Effect   = "Allow"
    Action   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    Resource = var.bedrock_models
  }]
  key = { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key_arn }
  # The service takes pushed documents in, so it writes too; only workers delete.
  statements = {
    api = concat([
      { Sid = "Blobs", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${var.bucket_arn}/*" },
      { Sid = "List", Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.bucket_arn },
      local.key,
    ], local.bedrock)
    worker = concat([
      { Sid = "Blobs", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = "${var.bucket_arn}/*" },
      { Sid = "List", Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.bucket_arn },
      local.key,
      ], local.bedrock,
      length(var.source_bucket_arns) == 0 ? [] : [{
        Sid      = "Sources"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetObject", "s3:GetObjectTagging", "s3:GetBucketLocation"]
        Resource = flatten([for arn in var.source_bucket_arns : [arn, "${arn}/*"]])
      }],
      # Textract knows no resources.
      var.textract ? [{ Sid = "Pages", Effect = "Allow", Action = ["textract:AnalyzeDocument", "textract:DetectDocumentText"], Resource = "*" }] : [],
    )
    external-secrets = [
      { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], Resource = var.secret_arns },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt"], Resource = var.kms_key_arn },
    ]
  }
}

resource "aws_iam_role" "this" {
  for_each    = local.accounts
  name_prefix = "${substr(var.name, 0, 18)}-${each.value}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "${var.oidc_issuer}:sub" = local.subjects[each.value]
          "${var.oidc_issuer}:aud" = "sts.amazonaws.com"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.accounts
  name     = "footnote"
  role     = aws_iam_role.this[each.value].id
  policy   = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.value] })
}

output "role_arns" { value = { for name, role in aws_iam_role.this : name => role.arn } }
